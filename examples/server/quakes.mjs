// A small HTTP server over data/earthquakes.csv, for the third example: pages of events, and an end when it is asked to.
// usage: node quakes.mjs PORT
// GET /quakes?page=N  one page (every third page answers 503 the first time, as a busy server would)
// GET /pages          how many there are
// POST /quit          ends the server; it also ends by itself after a minute without requests
import { readFileSync } from "node:fs";
import { createServer } from "node:http";

const PAGE = 100;
const lines = readFileSync(new URL("../data/earthquakes.csv", import.meta.url), "utf8")
  .trim()
  .split("\n")
  .slice(1);
const quakes = lines.map((line) => {
  const [, id, time, magnitude, place, depth, type] = /^([^,]+),(\d+),([^,]+),"?(.*?)"?,([^,]+),([^,]+)$/.exec(line);
  return { id, time: Number(time), magnitude: Number(magnitude), place, depth: Number(depth), type };
});
const pages = Math.ceil(quakes.length / PAGE);
const refused = new Set();

const server = createServer((request, response) => {
  idle.refresh();
  const url = new URL(request.url, "http://localhost");
  const answer = (status, body) => {
    response.writeHead(status, { "content-type": "application/json", connection: "close" }).end(JSON.stringify(body));
    process.stdout.write(`${request.method} ${url.pathname}${url.search} ${status}\n`);
  };
  if (request.method === "POST" && url.pathname === "/quit") {
    answer(200, { ended: true });
    server.close();
    clearTimeout(idle);
  } else if (url.pathname === "/pages") {
    answer(200, { pages });
  } else if (url.pathname === "/quakes") {
    const page = Number(url.searchParams.get("page"));
    if (page % 3 === 2 && !refused.has(page)) {
      refused.add(page);
      answer(503, { error: "busy, try again" });
    } else answer(200, { page, quakes: quakes.slice(page * PAGE, (page + 1) * PAGE) });
  } else answer(404, { error: "no such page" });
});
const idle = setTimeout(() => server.close(), 60_000);
server.listen(Number(process.argv[2]), "127.0.0.1", () => process.stdout.write("listening\n"));
