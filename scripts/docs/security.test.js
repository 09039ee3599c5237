'use strict';

// Parses the code in docs/security/ and docs/azure, and checks that copies agree.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { describe, test } = require('node:test');
const { root } = require('../kit/root');
const { testNames } = require('../kit/suite');
const { blocks } = require('./pages');

/** @param {string} name relative to the folder of the documents */
const read = (name) => fs.readFileSync(path.join(root, 'docs', name), 'utf8');

const bicep = read('azure/main.bicep');
const terraform = read('azure/main.tf');
const claim = read('security.md');
const setup = read('security/setup.md');
const attacks = read('security/attacks.md');
const commands = read('azure/README.md');

describe('the code in the pages', () => {
  test('equals the file of the same name', () => {
    const shown = blocks(setup, 'json').map((block) => JSON.parse(block));
    const role = JSON.parse(read('azure/role-add.json'));
    assert.deepEqual(
      shown.filter((block) => 'Name' in block),
      [role],
    );
    const condition = read('azure/condition-pull-requests.txt');
    assert.ok(blocks(commands, 'text').includes(condition));
  });
});

describe('sections', () => {
  test('doctor --security names these sections', () => {
    for (const title of [
      'Separate identities',
      'Separate containers',
      'Account keys and SAS',
      'Signatures',
      'Repair',
    ]) {
      assert.match(setup, new RegExp(`^#+ ${title}$`, 'm'));
    }
    assert.match(claim, /^## Scopes$/m);
  });
});

describe('attacks and defences', () => {
  const rows = attacks
    .split('\n')
    .filter((line) => /^\| (?!attack)/.test(line))
    .map((line) => line.split('|').slice(1, -1));

  /** @param {string} cell @returns {string[]} names of tests, such as `pull_99` */
  const testsIn = (cell) =>
    Array.from(
      cell.matchAll(/`(Test\w+|[A-Za-z]\w*_[\w.]+)`/g),
      ([, name]) => name,
    ).filter((name) => !name.startsWith('NX_'));

  test('each cell names the test that shows it', () => {
    assert.ok(rows.length > 25, `there are only ${rows.length} rows`);
    for (const [attack, ...cells] of rows) {
      // Tables with one result have a separate column for the test.
      const shown = cells.length === 2 ? cells.slice(1) : cells;
      for (const cell of shown) {
        assert.ok(testsIn(cell).length > 0, `${attack}: ${cell}`);
      }
    }
  });

  test('each test in a cell exists', async () => {
    const known = new Set([
      ...(await testNames('scripts/redteam')),
      ...goTests(),
    ]);
    for (const [attack, ...cells] of rows) {
      for (const name of cells.flatMap(testsIn)) {
        assert.ok(known.has(name), `${attack}: there is no test ${name}`);
      }
    }
  });
});

/** The names of all Go tests. */
function goTests() {
  const folders = ['cache', 'cmd', 'license', 'rpc'];
  return folders
    .flatMap((folder) =>
      fs
        .readdirSync(path.join(root, folder), {
          recursive: true,
          encoding: 'utf8',
        })
        .filter((file) => file.endsWith('_test.go'))
        .map((file) => fs.readFileSync(path.join(root, folder, file), 'utf8')),
    )
    .flatMap((source) =>
      Array.from(source.matchAll(/^func (Test\w+)\(/gm), ([, name]) => name),
    );
}

const blobs = 'Microsoft.Storage/storageAccounts/blobServices/containers/blobs';

describe('roles', () => {
  /** The actions of each role, without their common prefix. */
  const roles = {
    read: ['/read'],
    add: ['/read', '/add/action'],
    write: ['/read', '/add/action', '/write'],
  };

  for (const [name, actions] of Object.entries(roles)) {
    test(`${name}: ${actions.join(', ')} and nothing else`, () => {
      const role = JSON.parse(read(`azure/role-${name}.json`));
      assert.equal(role.Name, `Nx cache ${name}`);
      assert.deepEqual(
        role.DataActions,
        actions.map((action) => blobs + action),
      );
      assert.deepEqual(role.Actions, []);
      assert.deepEqual(role.AssignableScopes, ['{scope}']);
    });
  }

  // All identities except the trusted one may read and add.
  const others = ['read', 'add'];

  test('in commands, only trusted runs may replace', () => {
    const assigned = [
      ...commands.matchAll(
        /--assignee-object-id "\$(\w+)"[^"]*--role "Nx cache (\w+)"/g,
      ),
    ].map(([, identity, role]) => ({ identity, role }));
    assert.equal(assigned.length, 8);
    for (const { identity, role } of assigned) {
      const may = identity === 'TRUSTED' ? ['write'] : others;
      assert.ok(may.includes(role), `${identity}: ${role}`);
    }
  });

  test('in Bicep, only trusted runs may replace', () => {
    const order = [...bicep.matchAll(/loadJsonContent\('role-(\w+)\.json'\)/g)];
    const names = order.map(([, name]) => name);
    assert.deepEqual(names, Object.keys(roles));
    const assigned = [
      ...bicep.matchAll(
        /principalId: (\w+)\S*\n.*\n\s*roleDefinitionId: roleDefinitions\[(\d)\]/g,
      ),
    ];
    assert.equal(assigned.length, count(bicep, 'roleDefinitionId:'));
    for (const [, identity, index] of assigned) {
      const may = identity === 'trusted' ? ['write'] : others;
      assert.ok(may.includes(names[Number(index)]), `${identity}: ${index}`);
    }
  });

  test('in Terraform, only trusted runs may replace', () => {
    for (const name of Object.keys(roles)) {
      assert.match(
        terraform,
        new RegExp(`${name} += jsondecode\\(file\\(.*/role-${name}\\.json"`),
      );
    }
    const assigned = [
      ...terraform.matchAll(
        /role_definition_id = azurerm_role_definition\.cache\["(\w+)"\]\S*\n\s*principal_id += (\S+)/g,
      ),
    ];
    assert.equal(assigned.length, count(terraform, 'role_definition_id ='));
    for (const [, role, identity] of assigned) {
      const isTrusted = identity.includes('_identity.trusted.');
      assert.ok((isTrusted ? ['write'] : others).includes(role), `${identity}`);
    }
  });
});

/**
 * @param {string} text
 * @param {string} part
 */
const count = (text, part) => text.split(part).length - 1;

/**
 * Evaluates a condition of a role assignment for an action on a blob. Translates the parts
 * of the language that our conditions use to JavaScript.
 *
 * @param {string} condition
 * @returns {(action: string, path: string) => boolean}
 */
function evaluate(condition) {
  const resource = `@Resource[${blobs}:path]`;
  const code = condition
    .replaceAll(/ActionMatches\{('[^']*')\}/g, 'action === $1')
    .replaceAll(`${resource} StringStartsWith `, 'path.startsWith')
    .replaceAll(/path\.startsWith('[^']*')/g, 'path.startsWith($1)')
    .replaceAll(/\bAND\b/g, '&&')
    .replaceAll(/\bOR\b/g, '||');
  const holds = new Function('action', 'path', `return ${code.trim()}`);
  return (action, path) => holds(`${blobs}/${action}`, path);
}

describe('conditions', () => {
  // All actions of Azure that change blobs.
  const changes = [
    'add/action',
    'delete',
    'deleteBlobVersion/action',
    'immutableStorage/runAsSuperUser/action',
    'manageOwnership/action',
    'modifyPermissions/action',
    'move/action',
    'permanentDelete/action',
    'runAsSuperUser/action',
    'tags/write',
    'write',
  ];
  const scopes = ['trusted', 'pr-12', 'branch-main', 'tag-v1', 'local'];
  const changeable = {
    trusted: ['trusted'],
    'pull-requests': ['pr-12', 'branch-main'],
    developers: ['local'],
  };

  for (const [identity, mayChange] of Object.entries(changeable)) {
    const file = `condition-${identity}.txt`;
    const text = read(`azure/${file}`);

    for (const prefix of ['', 'team-a/shop/']) {
      test(`${file}, prefix "${prefix}": changes ${mayChange} only`, () => {
        const allows = evaluate(text.replaceAll('{prefix}', prefix));
        for (const scope of scopes) {
          const blob = `${prefix}v1/${scope}/1234`;
          assert.equal(allows('read', blob), true, `read ${blob}`);
          for (const action of changes) {
            const allowed = mayChange.includes(scope);
            assert.equal(allows(action, blob), allowed, `${action} ${blob}`);
          }
        }
        for (const blob of [
          'other/v1/trusted/1234',
          'other/v1/pr-12/1234',
          `${prefix}v1/trustedx/1234`,
          `${prefix}v1/localx/1234`,
        ]) {
          assert.equal(allows('add/action', blob), false, blob);
        }
      });
    }

    test(`${file} is what Bicep, Terraform and the commands use`, () => {
      const name = identity.replace(/-./, (dash) => dash[1].toUpperCase());
      const variable = `condition${name[0].toUpperCase()}${name.slice(1)}`;
      const loaded = `var ${variable} = replace(loadTextContent('${file}'), '{prefix}', blobPrefix)`;
      assert.ok(bicep.includes(loaded), loaded);
      assert.equal(count(bicep, `condition: ${variable}\n`), 1);

      const local = `condition_${identity.replace('-', '_')}`;
      assert.match(
        terraform,
        new RegExp(
          `${local} += replace\\(file\\("\\$\\{path.module\\}/${file}"\\), "\\{prefix\\}", local.blob_prefix\\)`,
        ),
      );
      assert.match(terraform, new RegExp(`condition += local.${local}\n`));

      const command = `--condition "$(sed "s|{prefix}|$PREFIX|" ${file})" --condition-version 2.0`;
      assert.ok(commands.includes(command), command);
    });
  }
});

describe('lifecycle.json', () => {
  /**
   * @typedef {{
   *   name: string,
   *   definition: {
   *     filters: { prefixMatch: string[] },
   *     actions: { baseBlob: { delete: Record<string, number> } },
   *   },
   * }} Rule
   */

  /** @type {Rule[]} */
  const rules = JSON.parse(read('azure/lifecycle.json')).rules;

  test('keeps the limits of a policy', () => {
    assert.ok(rules.length <= 100);
    for (const { name, definition } of rules) {
      const prefixes = definition.filters.prefixMatch;
      assert.ok(prefixes.length > 0 && prefixes.length <= 10, name);
    }
  });

  test('has one rule for each kind of scope, in its container', () => {
    const prefixes = rules.flatMap(
      (rule) => rule.definition.filters.prefixMatch,
    );
    assert.deepEqual(prefixes.sort(), [
      '{local}/{prefix}v1/local/',
      '{trusted}/{prefix}v1/trusted/',
      '{untrusted}/{prefix}v1/branch-',
      '{untrusted}/{prefix}v1/pr-',
    ]);
  });

  test('has the lifetimes of the table in security/setup.md', () => {
    const [, section] = setup.split('## Expiry\n');
    const rows = [
      ...section
        .split('\n## ')[0]
        .matchAll(/^\| `(\w+-?)\w*` \| (\d+) days after (.*) \|$/gm),
    ].map(([, scope, days, event]) => [scope, Number(days), event]);
    const events = {
      daysAfterCreationGreaterThan: 'creation',
      daysAfterLastAccessTimeGreaterThan: 'last access',
    };
    assert.deepEqual(
      rows,
      rules.map(({ definition: { filters, actions } }) => {
        const [prefix] = filters.prefixMatch;
        const [[key, days]] = Object.entries(actions.baseBlob.delete);
        const event = events[/** @type {keyof typeof events} */ (key)];
        return [/v1\/(\w+-?)/.exec(prefix)?.[1], days, event];
      }),
    );
  });

  test('every placeholder is filled by Bicep, Terraform and the command', () => {
    const text = read('azure/lifecycle.json');
    const used = new Set([...text.matchAll(/\{\w+\}/g)].map(([name]) => name));
    assert.deepEqual([...used].sort(), [
      '{local}',
      '{prefix}',
      '{trusted}',
      '{untrusted}',
    ]);
    const line = /^var lifecycle = .*$/m.exec(bicep)?.[0] ?? '';
    const local = /^ +lifecycle_json[^]*?\.rules$/m.exec(terraform)?.[0] ?? '';
    const sed = /^sed .* lifecycle\.json > .*$/m.exec(commands)?.[0] ?? '';
    for (const name of used) {
      assert.ok(line.includes(`'${name}'`), `Bicep: ${name}`);
      assert.ok(local.includes(`"${name}"`), `Terraform: ${name}`);
      assert.ok(sed.includes(`s|${name}|`), `sed: ${name}`);
    }
  });
});
