// The loop of the Lambda Runtime API
// (https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html), on a
// connection that is kept. AWS's own client for Node does the same in C++.

import http from "node:http";

const [host, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(":");
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });

function call(method, path, body) {
  return new Promise((resolve, reject) => {
    const request = http.request({ host, port, agent, method, path: `/2018-06-01/runtime/${path}` }, (response) => {
      const chunks = [];
      response.on("data", (chunk) => chunks.push(chunk));
      response.on("end", () => resolve({ headers: response.headers, body: Buffer.concat(chunks) }));
      response.on("error", reject);
    });
    request.on("error", reject);
    request.end(body);
  });
}

async function invoke(handler, event) {
  const id = event.headers["lambda-runtime-aws-request-id"];
  try {
    const answer = await handler(JSON.parse(event.body));
    await call("POST", `invocation/${id}/response`, JSON.stringify(answer));
  } catch (error) {
    const report = { errorType: error.name, errorMessage: error.message, stackTrace: [] };
    await call("POST", `invocation/${id}/error`, JSON.stringify(report));
  }
}

/** Answers events with the handler, one at a time, for ever. */
export async function serve(handler) {
  for (;;) {
    await invoke(handler, await call("GET", "invocation/next"));
  }
}
