// A whole Bluesky network on loopback: directory, personal data server, and the view that the app reads.
// Ports come from the environment; it prints one line of JSON when it is ready, and ends on SIGTERM.
import { TestNetwork, mockMailer } from '@atproto/dev-env';

const port = (name) => Number(process.env[name]);
const view = port('BSKY_PORT');
const network = await TestNetwork.create({
  pds: { port: port('PDS_PORT'), hostname: 'localhost', enableDidDocWithSession: true },
  bsky: { dbPostgresSchema: 'bsky', port: view, publicUrl: `http://localhost:${view}` },
  plc: { port: port('PLC_PORT') },
  ozone: { port: port('OZONE_PORT'), chatUrl: 'http://localhost:1', chatDid: 'did:example:chat' },
  introspect: { port: port('INTROSPECT_PORT') },
});
mockMailer(network.pds);
console.log(JSON.stringify({ ready: true }));
process.on('SIGTERM', async () => {
  await network.close();
  process.exit(0);
});
