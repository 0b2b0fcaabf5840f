// The application behind the servers of this folder, and one server itself (node's http2). As arguments:
//     node application.mjs http1 PORT                            what the proxies ask
//     node application.mjs http2 TLS_PORT PLAIN_PORT CERT KEY    HTTP/2 by ALPN, and with prior knowledge
//
//     GET  /hello                    a text
//     POST /echo                     the request's body, byte by byte
//     POST /sink                     204 once the whole body has been read
//     GET  /events?of=NAME&count=N   server-sent events; each waits until it is released
//     POST /release?of=NAME          release the next one
//
// HTTP/2 answers 413 to a body of more than LIMIT_BYTES, as the proxies are told to do. SIGHUP: every session gets
// a GOAWAY and ends after its streams; new connections are served by a server made anew, on the same sockets.
import http from "node:http";
import http2 from "node:http2";
import net from "node:net";
import tls from "node:tls";
import { readFileSync } from "node:fs";

const LIMIT_BYTES = 4 << 20;
const HELLO = Array.from({ length: 64 }, (_, word) => `${word.toString(16).padStart(7, "0")}\n`).join("");
const streams = new Map(); // name -> permits not used yet, and who waits for one

function eventsOf(name) {
  if (!streams.has(name)) streams.set(name, { permits: 0, wake: () => {} });
  return streams.get(name);
}

async function sendEvents(response, name, count) {
  const events = eventsOf(name);
  response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
  response.flushHeaders();
  for (let sent = 0; sent < count; sent++) {
    while (events.permits === 0) await new Promise((resolve) => (events.wake = resolve));
    events.permits--;
    response.write(`id: ${sent}\ndata: {"of":"${name}","sent":${sent}}\n\n`);
  }
  streams.delete(name);
  response.end();
}

function answer(request, response) {
  const url = new URL(request.url, "http://localhost");
  const name = url.searchParams.get("of");
  if (url.pathname === "/hello") response.end(HELLO);
  else if (url.pathname === "/echo") request.pipe(response);
  else if (url.pathname === "/events") sendEvents(response, name, Number(url.searchParams.get("count")));
  else if (url.pathname === "/release") {
    eventsOf(name).permits++;
    eventsOf(name).wake();
    request.resume().on("end", () => response.writeHead(204).end());
  } else request.resume().on("end", () => response.writeHead(url.pathname === "/sink" ? 204 : 404).end());
}

function answerWithLimit(request, response) {
  let seen = Number(request.headers["content-length"] ?? 0);
  if (seen > LIMIT_BYTES) return void response.writeHead(413).end("too large\n");
  if (request.url !== "/sink") return void answer(request, response);
  seen = 0;
  request.on("data", (piece) => {
    seen += piece.length;
    if (seen > LIMIT_BYTES && !response.headersSent) {
      response.writeHead(413).end("too large\n");
      request.pause();
    }
  });
  request.on("end", () => response.headersSent || response.writeHead(204).end());
}

// A generation of a server: it takes sockets from a listener that outlives it.
function generation() {
  const server = http2.createServer({}, answerWithLimit);
  const sessions = new Set();
  server.on("session", (session) => {
    sessions.add(session);
    session.on("close", () => sessions.delete(session));
  });
  return { take: (socket) => server.emit("connection", socket), retire: () => sessions.forEach((each) => each.close()) };
}

const [kind, port, plainPort, certFile, keyFile] = process.argv.slice(2);
if (kind === "http1") {
  const server = http.createServer({ keepAliveTimeout: 600_000, requestTimeout: 0 }, answer);
  server.listen(Number(port), "127.0.0.1", 4096);
} else {
  let current = generation();
  const options = { cert: readFileSync(certFile), key: readFileSync(keyFile), ALPNProtocols: ["h2"] };
  tls.createServer(options, (socket) => current.take(socket)).listen(Number(port), "127.0.0.1", 4096);
  net.createServer((socket) => current.take(socket)).listen(Number(plainPort), "127.0.0.1", 4096);
  process.on("SIGHUP", () => {
    const former = current;
    current = generation();
    former.retire();
  });
}
