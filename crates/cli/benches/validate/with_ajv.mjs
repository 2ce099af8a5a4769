// Checks the events of a file with ajv, as fast as it can with its default options. Run by main.rs:
//   node with_ajv.mjs TOOLS SCHEMAS EVENTS
// TOOLS is the folder that holds node_modules, EVENTS has an event a line. Each event is checked against the schema of its
// name, which is compiled once. The exit code is 1 when an event is invalid.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const [tools, schemas, events] = process.argv.slice(2);
const Ajv = createRequire(`${tools}/`)("ajv/dist/2020").default;
const read = (name) => JSON.parse(readFileSync(`${schemas}/${name}`, "utf8"));

const ajv = new Ajv();
const validators = new Map();
for (const [name, { file }] of Object.entries(read("index.json").events)) {
  validators.set(name, ajv.compile(read(file)));
}

const bytes = readFileSync(events);
let invalid = 0;
for (let start = 0; start < bytes.length; ) {
  const newline = bytes.indexOf(10, start);
  const end = newline < 0 ? bytes.length : newline;
  const event = JSON.parse(bytes.toString("utf8", start, end));
  if (!validators.get(event.event)(event)) {
    invalid += 1;
  }
  start = end + 1;
}
if (invalid > 0) {
  console.error(`${invalid} invalid events`);
  process.exitCode = 1;
}
