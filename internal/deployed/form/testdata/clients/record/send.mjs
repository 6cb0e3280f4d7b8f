// Sends the files of a folder: node send.mjs <client> <address> <folder>.
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

const [client, address, folder] = process.argv.slice(2);
const files = await Promise.all(
  (await readdir(folder)).sort().map(async (name) => ({ name, content: await readFile(join(folder, name)) })),
);

const clients = {
  async fetch() {
    const form = new FormData();
    for (const { name, content } of files) form.append("files", new File([content], name));
    await fetch(`${address}/fetch/node-${process.versions.node}`, { method: "POST", body: form });
  },

  async axios() {
    const { default: axios } = await import("axios");
    const { default: FormData } = await import("form-data");
    const version = await versionOf("form-data");
    const form = new FormData();
    for (const { name, content } of files) form.append("files", content, { filename: name });
    await axios.post(`${address}/axios/${axios.VERSION}-form-data-${version}`, form);
  },

  async chromium() {
    const { chromium } = await import("playwright-core");
    const browser = await chromium.launch({ // with a profile of its own
      executablePath: process.env.CHROMIUM,
      args: [
        "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
        "--disable-background-networking", "--disable-component-update", "--disable-sync",
      ],
    });
    const page = await browser.newPage();
    await page.goto(address);
    await page.evaluate(
      async ([url, files]) => {
        const form = new FormData();
        for (const { name, bytes } of files) form.append("files", new File([new Uint8Array(bytes)], name));
        await fetch(url, { method: "POST", body: form });
      },
      [`${address}/chromium/${browser.version()}`, files.map(({ name, content }) => ({ name, bytes: [...content] }))],
    );
    await browser.close();
  },
};

async function versionOf(module) {
  return JSON.parse(await readFile(join("node_modules", module, "package.json"))).version;
}

await clients[client]();
