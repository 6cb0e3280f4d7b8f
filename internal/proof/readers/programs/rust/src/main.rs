//! Reads the archive on standard input while it comes.
use std::{env, error::Error, fs, io, path::Path};

fn main() -> Result<(), Box<dyn Error>> {
    let out = env::args().nth(1).ok_or("no folder is named")?;
    let mut input = io::stdin().lock();
    while let Some(mut entry) = zip::read::read_zipfile_from_stream(&mut input)? {
        let path = Path::new(&out).join(entry.name());
        fs::create_dir_all(path.parent().ok_or("an entry has no folder")?)?;
        io::copy(&mut entry, &mut fs::File::create(path)?)?;
    }
    Ok(())
}
