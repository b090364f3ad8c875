// When the results and the outline together leave a notebook no room to be read.

import assert from 'node:assert/strict';
import test from 'node:test';

import { isCramped, NARROWEST_NOTEBOOK } from '../src/submissions/room';

const BOTH = { leftIsOpen: true, rightIsOpen: true };

test('two open sidebars that leave a strip are too much', () => {
  assert.ok(isCramped({ ...BOTH, notebook: NARROWEST_NOTEBOOK - 1 }));
});

test('nothing moves while the notebook can be read', () => {
  assert.ok(!isCramped({ ...BOTH, notebook: NARROWEST_NOTEBOOK }));
});

test('one sidebar alone is what a person chose', () => {
  assert.ok(!isCramped({ ...BOTH, leftIsOpen: false, notebook: 100 }));
  assert.ok(!isCramped({ ...BOTH, rightIsOpen: false, notebook: 100 }));
});
