'use strict';

// The commands and sections of scripts/first-hour.js are in the pages.

const assert = require('node:assert/strict');
const { describe, test } = require('node:test');
const { isInPage, linesRead, roles } = require('../first-hour');

describe('the first hour', () => {
  for (const role of roles) {
    test(`of ${role.name}`, () => {
      assert.ok(linesRead(role) > 10);
      for (const step of role.parts.flatMap(({ steps }) => steps)) {
        assert.ok(isInPage(step), `${step.page} does not say: ${step.command}`);
      }
    });
  }
});
