'use strict';

// A file holds how the JavaScript SDK parses connection strings. A Go test compares our
// own parser with it, and this test compares the file with the SDK. To write the file
// again: node scripts/connection-strings.test.js --write

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { test } = require('node:test');
const { root } = require('./kit/root');

const file = path.join(root, 'cache/azure/testdata/connection-strings.json');
const sdk = path.join(
  root,
  'node_modules/@azure/storage-blob/dist/commonjs/utils/utils.common.js',
);

const key = Buffer.alloc(64, 'a key of no account').toString('base64');
const sas = 'sv=2024-11-04&sp=rc&se=2030-01-01T00%3A00%3A00Z&sr=c&sig=a%2Fb%3D';
const account = `DefaultEndpointsProtocol=https;AccountName=acme;AccountKey=${key};EndpointSuffix=core.windows.net`;
const at = 'BlobEndpoint=https://acme.blob.core.windows.net';
const urlKey = key.replaceAll('+', '-').replaceAll('/', '_');

const strings = [
  account,
  `${account};`,
  `${account};;`,
  `;${account}`,
  account.replaceAll(';', ';;'),
  account.replaceAll(';', '; '),
  account.replaceAll(';', ' ; '),
  account.replaceAll(';', ';\n'),
  account.replaceAll(';', ';\r\n'),
  account.replaceAll(';', '\n;'),
  account.replaceAll(';', ';\n\t '),
  `${account}\n`,
  `${account}\r\n`,
  ` ${account}`,
  `\ufeff${account}`,
  `"${account};${at}"`,
  account.replace('https', 'HTTPS'),
  account.replace('https', 'http'),
  account.replace('https', 'ftp'),
  account.replace('core.windows.net', 'core.chinacloudapi.cn'),
  account.replace(/=+;/, ';'),
  account.replace(key, urlKey),
  account.replace(key, ` ${key}`),
  account.replace(key, `${key} `),
  account.replace(key, key.replace(/.{20}/, '$& ')),
  account.replace(key, key.replace(/.{20}/, '$&\n')),
  account.replace(key, `?${key}`),
  account.replace(key, `${key}!`),
  account.replace(key, '***'),
  account.replace(key, ''),
  account.replace('AccountName=acme', 'AccountName='),
  account.replace('AccountName=acme', 'AccountName= acme'),
  account.replace('AccountName=acme', 'AccountName=acme\nignored'),
  account.replace('AccountName=', 'AccountName ='),
  account.replace('AccountName', 'accountname'),
  account.replace('AccountName=acme', 'AccountName=a;AccountName=b'),
  account.replace(';EndpointSuffix=core.windows.net', ''),
  `${account};${at}`,
  `${account};${at}/`,
  `${account};${at}//`,
  `${account};${at}:443/`,
  `${account};BlobEndpoint=http://127.0.0.1:10000/acme`,
  `${account};BlobEndpoint=http://127.0.0.1:10000/acme/`,
  `${account};BlobEndpoint=https://127.0.0.1:10000/acme;QueueEndpoint=https://127.0.0.1:10001/acme`,
  `${account};BlobEndpoint=acme.blob.core.windows.net`,
  `${account};SharedAccessSignature=${sas}`,
  `AccountName=acme;AccountKey=${key}`,
  `AccountName=acme;AccountKey=${key};${at};SharedAccessSignature=${sas}`,
  `${at};SharedAccessSignature=${sas}`,
  `${at};SharedAccessSignature=?${sas}`,
  `${at}/;SharedAccessSignature=?${sas};`,
  `${at}/;\nSharedAccessSignature=?${sas}\n`,
  `${at};SharedAccessSignature=&${sas}`,
  `${at};SharedAccessSignature=??${sas}`,
  `${at};SharedAccessSignature=${sas} `,
  `${at};SharedAccessSignature=${sas}#fragment`,
  `${at};SharedAccessSignature=a b"<é>'${sas}`,
  `${at};SharedAccessSignature=${sas}\nignored`,
  `${at};SharedAccessSignature=`,
  `SharedAccessSignature=${sas};${at};QueueEndpoint=https://acme.queue.core.windows.net/;FileEndpoint=https://acme.file.core.windows.net/`,
  `AccountName=acme;SharedAccessSignature=${sas}`,
  `SharedAccessSignature=${sas}`,
  'UseDevelopmentStorage=true',
  'UseDevelopmentStorage=true;',
  'UseDevelopmentStorage=true;DevelopmentStorageProxyUri=http://proxy.example',
  'UseDevelopmentStorage=true; DevelopmentStorageProxyUri=http://proxy.example:3128;',
  'UseDevelopmentStorage=true;DevelopmentStorageProxyUri=',
  'UseDevelopmentStorage=true;DevelopmentStorageProxyUri=proxy',
  'UseDevelopmentStorage=false',
  `${at}`,
  'hunter2',
  '',
];

/**
 * The parts of a connection string that the SDK uses.
 *
 * @param {string} text
 */
function ofSdk(text) {
  const { extractConnectionStringParts } = require(sdk);
  try {
    const parts = extractConnectionStringParts(text);
    const url = new URL(parts.url);
    const proxy = parts.proxyUri && new URL(parts.proxyUri).href;
    return {
      endpoint: url.href.replace(/\/+$/, ''),
      ...(parts.accountKey && {
        account: parts.accountName,
        key: parts.accountKey.toString('base64'),
      }),
      ...(parts.accountSas && {
        sas: new URL(`${parts.url}?${parts.accountSas}`).search.slice(1),
      }),
      ...(proxy && { proxy: proxy.replace(/\/$/, '') }),
    };
  } catch {
    return null;
  }
}

const made = strings.map((text) => ({ text, sdk: ofSdk(text) }));

if (process.argv.includes('--write')) {
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(file, `${JSON.stringify(made, null, 2)}\n`);
} else {
  test('the file matches how the SDK parses each connection string', () => {
    assert.deepEqual(made, JSON.parse(fs.readFileSync(file, 'utf8')));
    assert.ok(made.filter(({ sdk }) => sdk).length > 40);
  });
}
