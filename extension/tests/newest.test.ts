import assert from 'node:assert/strict';
import test from 'node:test';

import { Newest } from '../src/api/newest';
import { settle } from './classroom_by_hand';

/** Questions of which the test answers each when it likes. */
function asked(): {
  newest: Newest;
  taken: string[];
  ask: () => Promise<unknown>;
  answers: ((text: string) => void)[];
  refusals: ((reason: Error) => void)[];
} {
  const newest = new Newest();
  const taken: string[] = [];
  const answers: ((text: string) => void)[] = [];
  const refusals: ((reason: Error) => void)[] = [];
  const question = (): Promise<string> =>
    new Promise((answer, refuse) => {
      answers.push(answer);
      refusals.push(refuse);
    });
  const ask = (): Promise<unknown> => newest.ask(question, text => taken.push(text));
  return { newest, taken, ask, answers, refusals };
}

test('an answer that a later question’s has overtaken is left out, and so is its failure', async () => {
  const { taken, ask, answers, refusals } = asked();
  const [first, second, third] = [ask(), ask(), ask()];
  answers[2]?.('third');
  await third;
  answers[0]?.('first');
  refusals[1]?.(new Error('away'));
  assert.equal(await first, null);
  assert.equal(await second, null);
  assert.deepEqual(taken, ['third']);
});

test('answers in the order of their questions are all taken', async () => {
  const { taken, ask, answers } = asked();
  const both = [ask(), ask()];
  answers[0]?.('first');
  answers[1]?.('second');
  await Promise.all(both);
  assert.deepEqual(taken, ['first', 'second']);
});

test('an answer from before a change is asked for again', async () => {
  const { newest, taken, ask, answers } = asked();
  const only = ask();
  newest.changed();
  answers[0]?.('old');
  await settle();
  assert.equal(answers.length, 2);
  assert.deepEqual(taken, []);
  answers[1]?.('new');
  await only;
  assert.deepEqual(taken, ['new']);
});

test('two questions from before a change do not go on for ever', async () => {
  const { newest, taken, ask, answers } = asked();
  const both = [ask(), ask()];
  newest.changed();
  answers[0]?.('old');
  answers[1]?.('old');
  await settle();
  answers[3]?.('new');
  await both[1];
  answers[2]?.('new, but earlier');
  await both[0];
  assert.equal(answers.length, 4);
  assert.deepEqual(taken, ['new']);
});

test('a failure that nothing has overtaken is the asker’s', async () => {
  const { ask, refusals } = asked();
  const only = ask();
  refusals[0]?.(new Error('away'));
  await assert.rejects(only, { message: 'away' });
});
