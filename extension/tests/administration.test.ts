import assert from 'node:assert/strict';
import test from 'node:test';

import { agentWords, dayBegins, dayEnds } from '../staff/administration/log_words';
import {
  domainsOf,
  givable,
  joiningWords,
  roleWords,
  sizeText
} from '../staff/administration/words';
import { changesOf } from '../staff/audit/words';
import { addressOf, placeOf, type Place } from '../staff/navigation/addresses';

test('every page of the cohort has an address that leads back to it', () => {
  const members = {
    search: 'lé & co',
    role: 'moderator',
    course: 'python',
    state: 'removed',
    sortBy: 'last_seen_at',
    descending: true,
    page: 2
  } as const;
  const log = {
    action: 'grade.changed',
    actor: 'ines',
    course: 'python',
    object: '100%',
    since: '2026-11-01',
    until: '2026-11-30',
    page: 3
  };
  const places: Place[] = [
    { page: 'cohort' },
    { page: 'members', filter: members },
    { page: 'member', username: 'a/b@c', filter: members },
    { page: 'approvals', state: 'waiting', number: 1 },
    { page: 'approvals', state: 'declined', number: 4 },
    { page: 'roster' },
    { page: 'cohort-audit', filter: log }
  ];
  for (const place of places) {
    const [path = '', search = ''] = addressOf(place).split(/(?=\?)/, 2);
    assert.deepEqual(placeOf(path, search), place);
  }
});

test('what an address of the cohort does not mean is left out', () => {
  assert.deepEqual(placeOf('/cohort/audit', '?since=yesterday&page=-1&actor=lea'), {
    page: 'cohort-audit',
    filter: { action: '', actor: 'lea', course: '', object: '', since: '', until: '', page: 1 }
  });
  assert.deepEqual(placeOf('/cohort/approvals', '?state=lost'), {
    page: 'approvals',
    state: 'waiting',
    number: 1
  });
  for (const path of ['/cohort/nothing', '/cohort/roster/more', '/cohort/members/lea/more']) {
    assert.deepEqual(placeOf(path, ''), { page: 'unknown' });
  }
});

test('a day of the log begins and ends in the zone of whoever looks', () => {
  assert.equal(dayBegins('2026-11-21', 'UTC'), '2026-11-21T00:00:00.000Z');
  assert.equal(dayEnds('2026-12-31', 'UTC'), '2027-01-01T00:00:00.000Z');
  assert.equal(dayBegins('2026-11-21', 'Asia/Tokyo'), '2026-11-20T15:00:00.000Z');
  // The day on which clocks go forward in Berlin has 23 hours, and the one on which they go back has 25.
  assert.equal(dayBegins('2026-03-29', 'Europe/Berlin'), '2026-03-28T23:00:00.000Z');
  assert.equal(dayEnds('2026-03-29', 'Europe/Berlin'), '2026-03-29T22:00:00.000Z');
  assert.equal(dayBegins('2026-10-25', 'Europe/Berlin'), '2026-10-24T22:00:00.000Z');
  assert.equal(dayEnds('2026-10-25', 'Europe/Berlin'), '2026-10-25T23:00:00.000Z');
});

test('a browser is said as people call it, and a program by its own name', () => {
  const mozilla = 'Mozilla/5.0';
  assert.equal(agentWords(null), '');
  assert.equal(
    agentWords(`${mozilla} (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0`),
    'Firefox on Linux'
  );
  assert.equal(
    agentWords(
      `${mozilla} (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/131.0 Safari/537.36 Edg/131.0`
    ),
    'Edge on Windows'
  );
  assert.equal(
    agentWords(
      `${mozilla} (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1 Version/18.0 Mobile/15E148 Safari/604.1`
    ),
    'Safari on iOS'
  );
  assert.equal(agentWords('root at hub'), 'root at hub');
  assert.equal(agentWords('x'.repeat(100)).length, 40);
});

test('what is typed as domains becomes a list of them', () => {
  assert.deepEqual(domainsOf(' @School.example, uni.example\nschool.example;'), [
    'school.example',
    'uni.example'
  ]);
  assert.deepEqual(domainsOf('  '), []);
});

test('who may join is one sentence', () => {
  const rules = {
    mail_domains: [],
    allow_public_join: false,
    require_approval: true,
    has_roster: true
  };
  assert.match(joiningWords(rules), /^Only people on a roster/);
  assert.match(joiningWords({ ...rules, has_roster: false }), /whoever the hub lets in/);
  assert.match(
    joiningWords({ ...rules, mail_domains: ['a.example', 'b.example'] }),
    /a\.example or b\.example may ask/
  );
  assert.match(
    joiningWords({ ...rules, allow_public_join: true, require_approval: false }),
    /^Whoever has a verified mail address becomes a member/
  );
});

test('nobody is offered a role that they cannot give', () => {
  assert.deepEqual([...givable(['admin'])], ['moderator']);
  assert.equal(givable(['org_owner']).has('system_admin'), false);
  assert.equal(givable(['moderator']).size, 0);
  assert.equal(roleWords('org_owner'), 'Owner');
  assert.equal(roleWords('something_new'), 'something new');
});

test('sizes are read in the unit that fits', () => {
  assert.equal(sizeText(512, String), '512 MiB');
  assert.equal(sizeText(1024, String), '1 GiB');
  assert.equal(sizeText(2560, String), '2.5 GiB');
});

test('an entry of the log shows only what became another thing', () => {
  const shown = changesOf(
    { before: { roles: ['moderator'], name: 'Demo' }, after: { roles: [], name: 'Demo' } },
    at => at
  );
  assert.deepEqual(shown, [{ name: 'roles', before: 'moderator', after: 'nothing' }]);
});
