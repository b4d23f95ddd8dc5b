// A receiver as its users write it: the Standard Webhooks library verifies, the CloudEvents SDK reads.
import { createServer } from 'node:http';
import { HTTP } from 'cloudevents';
import { Webhook } from 'standardwebhooks';

const webhook = new Webhook(process.env.HOOK_SECRET);
const server = createServer(async (request, answer) => {
  if (request.method === 'OPTIONS') {
    answer.writeHead(200, { 'WebHook-Allowed-Origin': request.headers['webhook-request-origin'] }).end();
    return;
  }
  let body = '';
  for await (const part of request) body += part;
  try {
    webhook.verify(body, request.headers);
    const read = HTTP.toEvent({ headers: request.headers, body });
    const events = Array.isArray(read) ? read : [read];
    if (request.url === '/batch' && !Array.isArray(read)) throw new Error('no batch');
    for (const event of events) {
      event.validate();
      if ((events.length === 1 && event.id !== request.headers['webhook-id']) || !event.data.tenant) throw new Error(`another event: ${JSON.stringify(event)}`);
      console.log('ok', request.url, event.type, event.id, event.data.tenant, 'of', events.length);
    }
    answer.writeHead(204).end();
  } catch (error) {
    console.log('bad', request.url, error.message);
    answer.writeHead(400).end();
  }
});
server.listen(0, '127.0.0.1', () => console.log('port', server.address().port));
