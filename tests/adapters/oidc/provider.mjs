// A real OpenID provider (oidc-provider, certified), on this machine, with one client that has to use PKCE.
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const require = createRequire(process.argv[2] + '/');
const { default: Provider } = await import(pathToFileURL(require.resolve('oidc-provider')).href);
const port = Number(process.argv[3]);
const back = process.argv[4];
const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: [{
    client_id: 'chimera', client_secret: 'a-secret-of-thirty-two-letters-00', redirect_uris: [back],
    grant_types: ['authorization_code'], response_types: ['code'], token_endpoint_auth_method: 'client_secret_post',
  }],
  pkce: { required: () => true },
  cookies: { keys: ['test'] },
  findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
});
provider.listen(port, '127.0.0.1', () => console.log('ready'));
