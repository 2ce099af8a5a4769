// The verdicts of ajv with its default options. Run by `compare`:
//   node with_ajv.mjs TOOLS SCHEMAS CHECKS VERDICTS
// TOOLS is the folder that holds node_modules, CHECKS has a line `schema<tab>text` for each check. VERDICTS gets a line
// `schema<tab>name<tab>what is wrong with it` for each schema, then a line `verdict<tab>first error` for each check.

import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";

const [tools, schemas, checks, verdicts] = process.argv.slice(2);
const Ajv = createRequire(`${tools}/`)("ajv/dist/2020").default;

// What ajv has to say against a schema that it takes all the same, it says to the console.
let said = [];
for (const level of ["log", "info", "warn", "error"]) {
  console[level] = (...words) => said.push(words.join(" "));
}

const oneLine = (text) => text.replace(/[\t\r\n]+/g, " ");
const lines = [];
const validators = new Map();
const ajv = new Ajv();
const names = readdirSync(schemas).filter((name) => name.endsWith(".json") && name !== "index.json");
for (const file of names.sort()) {
  const name = file.slice(0, -".json".length);
  said = [];
  try {
    validators.set(name, ajv.compile(JSON.parse(readFileSync(`${schemas}/${file}`, "utf8"))));
  } catch (error) {
    said.push(error.message);
  }
  lines.push(`schema\t${name}\t${oneLine(said.join("; "))}`);
}

function verdict(name, text) {
  const validate = validators.get(name);
  if (validate === undefined) {
    return "no schema\t";
  }
  let value;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return `unreadable\t${oneLine(error.message)}`;
  }
  if (validate(value)) {
    return "valid\t";
  }
  const { instancePath, message } = validate.errors[0];
  return `invalid\t${oneLine(`${instancePath}: ${message}`)}`;
}

const asked = readFileSync(checks, "utf8").split("\n").slice(0, -1);
for (const line of asked) {
  const tab = line.indexOf("\t");
  lines.push(verdict(line.slice(0, tab), line.slice(tab + 1)));
}
writeFileSync(verdicts, lines.map((line) => `${line}\n`).join(""));
