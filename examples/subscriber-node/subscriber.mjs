// Subscribes to lineal's events on Kafka and prints a line for each. Nothing in here is lineal's:
// a Kafka client, the CloudEvents SDK, a JSON Schema validator, and the published schemas.
//
//   node subscriber.mjs [--brokers HOST:PORT,...] [--group NAME] [--schemas DIR] [--limit N]
//                       [TOPIC...]

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

import Ajv from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import { Kafka as CloudEventsOnKafka } from "cloudevents";
import { Kafka, logLevel } from "kafkajs";

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    brokers: { type: "string", default: process.env.KAFKA_BROKERS ?? "localhost:9092" },
    group: { type: "string", default: "subscriber-example" },
    schemas: {
      type: "string",
      default: fileURLToPath(new URL("../../schemas/json", import.meta.url)),
    },
    limit: { type: "string", default: "0" },
  },
});
const topics = positionals.length > 0 ? positionals : ["document.indexed"];
const REFERENCE = "application/vnd.lineal.reference+json";
const REMEMBERED_IDS = 10_000;

// Each schema's $id is what an event's dataschema names.
const ajv = addFormats(new Ajv({ strict: false, allErrors: true }));
for (const file of readdirSync(options.schemas).filter((name) => name.endsWith(".json"))) {
  ajv.addSchema(JSON.parse(readFileSync(join(options.schemas, file), "utf8")));
}

/** The CloudEvent that a record holds. The SDK wants header values as text. */
function eventOf({ key, value, headers }) {
  const texts = Object.entries(headers ?? {}).map(([name, text]) => [name, text?.toString()]);
  return CloudEventsOnKafka.toEvent({
    key: key?.toString(),
    value: value?.toString(),
    headers: Object.fromEntries(texts),
  });
}

/** Why the data is not what its schema says; undefined if it is. */
function misfit(event) {
  if (event.datacontenttype === REFERENCE) return undefined; // large data: {uri, sha256, bytes, ...}
  const validate = ajv.getSchema(event.dataschema ?? `urn:lineal:schema:${event.type}:1`);
  if (validate === undefined) return `no schema ${event.dataschema} is known: get the newer ones`;
  return validate(event.data) ? undefined : ajv.errorsText(validate.errors);
}

const kafka = new Kafka({
  clientId: "lineal-subscriber-example",
  brokers: options.brokers.split(","),
  logLevel: logLevel.WARN,
});
const consumer = kafka.consumer({ groupId: options.group }); // reads what is committed only
const seen = new Set();
let printed = 0;

async function stop() {
  await consumer.disconnect();
  process.exit(0);
}

function handle(topic, message) {
  let event;
  try {
    event = eventOf(message);
  } catch (error) {
    console.error(`${topic}@${message.offset}: not a CloudEvent: ${error.message}`);
    return;
  }
  const problem = misfit(event);
  if (problem !== undefined) {
    console.error(`${topic}@${message.offset}: ${event.id}: ${problem}`);
    return;
  }
  // A redelivery or a replay has the id it had before: here is where an effect would be an upsert.
  if (seen.has(event.id)) return;
  seen.add(event.id);
  if (seen.size > REMEMBERED_IDS) seen.delete(seen.values().next().value);
  const { id, type, time, subject, partitionkey, data } = event;
  console.log([type, time, subject, partitionkey, id, JSON.stringify(data)].join("\t"));
  printed += 1;
}

process.once("SIGTERM", stop);
process.once("SIGINT", stop);
await consumer.connect();
await consumer.subscribe({ topics, fromBeginning: true });
await consumer.run({
  eachMessage: async ({ topic, message }) => {
    if (Number(options.limit) > 0 && printed >= Number(options.limit)) return;
    handle(topic, message);
    if (printed === Number(options.limit)) setImmediate(stop); // not from inside the handler
  },
});
