import assert from 'node:assert/strict';
import test from 'node:test';

import { InTurn } from '../staff/grading_queue/in_turn';
import { settle } from './classroom_by_hand';

test('whoever waits goes on when all that was sent about the subject has ended, however it did', async () => {
  const order = new InTurn();
  const said: string[] = [];
  let answer: (text: string) => void = () => undefined;
  let refuse: (reason: Error) => void = () => undefined;
  const first = order.sent('a', new Promise<string>(resolve => (answer = resolve)));
  const second = order.sent('a', new Promise<string>((_, reject) => (refuse = reject)));
  const failed = second.catch((reason: unknown) => (reason as Error).message);
  void order.wait('a').then(() => said.push('a goes on'));
  void order.wait('b').then(() => said.push('b goes on'));
  await settle();
  assert.deepEqual(said, ['b goes on'], 'another subject has nothing to do with it');
  refuse(new Error('the line broke'));
  assert.equal(await failed, 'the line broke');
  await settle();
  assert.deepEqual(said, ['b goes on'], 'the first is still on its way');
  answer('done');
  assert.equal(await first, 'done');
  await settle();
  assert.deepEqual(said, ['b goes on', 'a goes on']);
});

test('what is sent while somebody waits is waited for, too', async () => {
  const order = new InTurn();
  let waited = false;
  const answers: (() => void)[] = [];
  const request = (): Promise<void> => new Promise(resolve => answers.push(resolve));
  void order.sent('a', request());
  void order.wait('a').then(() => (waited = true));
  void order.sent('a', request());
  answers[0]?.();
  await settle();
  assert.equal(waited, false);
  answers[1]?.();
  await settle();
  assert.equal(waited, true);
  await order.wait('a');
});
