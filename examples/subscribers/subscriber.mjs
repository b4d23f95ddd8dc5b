// Hears how runs ended, with nats.js: nothing is missed while it is away.
//
//	node subscriber.mjs NATS_URL CONSUMER
import { jetstream } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";

const [address, consumer] = process.argv.slice(2);
const { host, username: user, password: pass } = new URL(address);
const connection = await connect({ servers: host, user, pass, maxReconnectAttempts: -1 });
const outcomes = await jetstream(connection).consumers.get("GATEWAY_OUT", consumer);
const seen = new Set(); // a table of yours, written together with the work, lasts longer
for await (const msg of await outcomes.consume()) {
  const { id, type } = attributes(msg);
  if (!seen.has(id)) {
    console.log("javascript", type); // the work
    seen.add(id);
  }
  await msg.ackAck();
}

// attributes are an event's id and type, whichever broker.format it came in.
function attributes(msg) {
  const id = msg.headers?.get("ce-id");
  return id ? { id, type: msg.headers.get("ce-type") } : msg.json();
}
