// SPDX-License-Identifier: MIT
// node's undici: a pool with a connection for each request in flight. Prints what common.lua says.
const fs = require("fs");
const { Pool } = require("undici");

const [service, url, count, seconds] = process.argv.slice(2);
const { origin, pathname, search } = new URL(url);
const pool = new Pool(origin, { connections: Number(count), pipelining: 1 });
const options = {
  path: pathname + search, method: "POST",
  body: fs.readFileSync(`bench/polls/request.${service}`, "utf8"),
  headers: {
    "content-type": service === "json" ? "application/x-www-form-urlencoded" : "text/xml; charset=utf-8",
    soapaction: '""',
  },
};
let requests = 0;
let isOver = false;

async function pollAgain() {
  while (!isOver) {
    const { body } = await pool.request(options);
    const { data } = await body.json();
    if (data.status !== 1) throw new Error("no status");
    requests++;
  }
}

const sleep = (s) => new Promise((done) => setTimeout(done, s * 1000));

(async () => {
  for (let i = 0; i < count; i++) pollAgain();
  await sleep(seconds / 3);
  const [before, cpu, began] = [requests, process.cpuUsage(), process.hrtime.bigint()];
  await sleep(seconds);
  const used = process.cpuUsage(cpu);
  const wall = Number(process.hrtime.bigint() - began) / 1e9;
  isOver = true;
  console.log(requests - before, (used.user + used.system) / 1e6, wall, process.resourceUsage().maxRSS);
  process.exit(0);
})();
