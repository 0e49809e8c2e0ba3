// A file by tus-js-client: node tus_upload.cjs HOST PORT FILE. The module is found by NODE_PATH.
const fs = require("node:fs");
const tus = require("tus-js-client");

const [host, port, file] = process.argv.slice(2);
new tus.Upload(fs.createReadStream(file), {
  endpoint: `http://${host}:${port}/files/`,
  uploadSize: fs.statSync(file).size,
  chunkSize: 1 << 20,
  metadata: { filename: "file", filetype: "application/octet-stream" },
  retryDelays: [0, 500, 1000, 2000, 4000],
  onError: (error) => {
    console.error(String(error));
    process.exitCode = 1;
  },
}).start();
