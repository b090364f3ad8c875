import assert from 'node:assert/strict';
import test from 'node:test';

import { Sanitizer } from '@jupyterlab/apputils/lib/sanitizer';

import { proseOnly } from '../src/ai_review/prose';

const sanitizer = proseOnly(new Sanitizer());

test('a review draws no form, picture or frame of whoever wrote it', () => {
  const dirty =
    '<p>Read <img src="https://evil.example/seen.png">this</p>' +
    '<form action="https://evil.example"><input type="password"><button>Go</button></form>' +
    '<iframe src="https://evil.example"></iframe><video src="https://evil.example/v"></video>' +
    '<script>alert(1)</script>';
  assert.equal(sanitizer.sanitize(dirty), '<p>Read this</p>Go');
});

test('text, lists and coloured code stay', () => {
  const clean =
    '<h3>Names</h3><ul><li><strong>total</strong></li></ul>' +
    '<pre><code><span class="cm-keyword">def</span> f():</code></pre>';
  assert.equal(sanitizer.sanitize(clean), clean);
});
