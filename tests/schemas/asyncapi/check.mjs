// Reads an AsyncAPI document with the official parser; prints what it found as one JSON object.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";

const [packages, file] = process.argv.slice(2);
const { Parser } = createRequire(`${packages}/`)("@asyncapi/parser");
const { document, diagnostics } = await new Parser().parse(readFileSync(file, "utf8"));

const channels = {};
for (const channel of document?.allChannels().all() ?? []) {
  channels[channel.id()] = {
    address: channel.address(),
    messages: channel.messages().all().map((message) => ({
      id: message.id(),
      contentType: message.contentType(),
      headers: message.headers()?.json(),
      required: message.payload()?.json().required ?? [],
      kafka: message.bindings().get("kafka")?.json(),
    })),
  };
}
const told = diagnostics.map(({ severity, code, message, path }) => ({
  severity,
  code: String(code),
  message: `${path.join("/")}: ${message}`,
}));
console.log(JSON.stringify({ channels, diagnostics: told }));
