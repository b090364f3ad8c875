import assert from 'node:assert/strict';
import test from 'node:test';

import { exactTime, relativeTime, urgency, usableLocale } from '../src/classroom/times';

const NOW = new Date('2026-05-03T12:00:00Z');

test('distances are told in the largest unit that fits', () => {
  const cases: [string, string][] = [
    ['2026-05-03T12:00:20Z', 'now'],
    ['2026-05-03T12:05:00Z', 'in 5 minutes'],
    ['2026-05-03T09:00:00Z', '3 hours ago'],
    ['2026-05-04T12:30:00Z', 'tomorrow'],
    ['2026-04-28T12:00:00Z', '5 days ago'],
    ['2026-05-20T12:00:00Z', 'in 2 weeks']
  ];
  for (const [moment, words] of cases) {
    assert.equal(relativeTime(new Date(moment), NOW, 'en'), words);
  }
});

test('the exact time is told in the learner’s zone', () => {
  const text = exactTime(new Date('2026-05-03T22:30:00Z'), 'en-GB', 'Asia/Tokyo');
  assert.match(text, /4 May 2026/);
  assert.match(text, /07:30/);
});

test('a due date presses within its last day and is past at its second', () => {
  assert.equal(urgency(new Date('2026-05-04T12:00:01Z'), NOW), 'later');
  assert.equal(urgency(new Date('2026-05-04T12:00:00Z'), NOW), 'soon');
  assert.equal(urgency(NOW, NOW), 'past');
});

test('Lab’s spelling of languages becomes one that dates understand', () => {
  assert.equal(usableLocale('zh_CN'), 'zh-CN');
  assert.equal(usableLocale('not a language'), 'en');
});
