import sys, zipfile
zipfile.ZipFile(sys.argv[1]).extractall(sys.argv[2])
