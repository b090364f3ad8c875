// Roles, states and limits in words: pure functions.

import type { CohortPage } from '../api/administration';

import type { CohortRole, CourseRole, JoinState } from './addresses';

export const ROLE_WORDS: Record<CohortRole, string> = {
  org_owner: 'Owner',
  admin: 'Administrator',
  moderator: 'Moderator',
  system_admin: 'System administrator'
};

export const ROLE_ABOUT: Record<CohortRole, string> = {
  org_owner:
    'Runs the cohort: members and all roles, who may join, cohorts of the organisation, the audit log.',
  admin: 'Looks after members, requests to join and courses; gives the role of a moderator only.',
  moderator: 'Sees the members and the cohort, and changes neither.',
  system_admin: 'Runs the machines; may do all that an owner may, and be given only by another one.'
};

export const COURSE_ROLE_WORDS: Record<CourseRole, string> = {
  learner: 'Learner',
  grader: 'Grader',
  instructor: 'Instructor'
};

export const JOIN_WORDS: Record<JoinState, string> = {
  waiting: 'Waiting',
  approved: 'Approved',
  declined: 'Declined'
};

/** A role of the API's in words; one that these pages do not know keeps its name. */
export const roleWords = (role: string): string =>
  (ROLE_WORDS as Record<string, string>)[role] ??
  (COURSE_ROLE_WORDS as Record<string, string>)[role] ??
  role.replaceAll('_', ' ');

type Giver = readonly string[];

const GIVES: Record<string, readonly CohortRole[]> = {
  system_admin: ['org_owner', 'admin', 'moderator', 'system_admin'],
  org_owner: ['org_owner', 'admin', 'moderator'],
  admin: ['moderator'],
  moderator: []
};

/** Which roles somebody with these roles may give and take; the service decides, this only says so beforehand. */
export function givable(roles: Giver): Set<CohortRole> {
  return new Set(roles.flatMap(role => GIVES[role] ?? []));
}

export const PLAN_WORDS: Record<string, string> = {
  free: 'Free',
  basic: 'Basic',
  premium: 'Premium',
  organization: 'Organisation'
};

export const STATE_WORDS: Record<string, string> = {
  upcoming: 'Not begun yet',
  open: 'Open',
  ended: 'Over',
  closed: 'Closed'
};

const GIBIBYTE = 1024;

/** 512 becomes "512 MiB", 2048 becomes "2 GiB". */
export function sizeText(mebibytes: number, number: (value: number) => string): string {
  return mebibytes >= GIBIBYTE && mebibytes % (GIBIBYTE / 4) === 0
    ? `${number(mebibytes / GIBIBYTE)} GiB`
    : `${number(mebibytes)} MiB`;
}

/** Domains as somebody types them, one for each word: `@school.example, uni.example`. */
export function domainsOf(text: string): string[] {
  return [
    ...new Set(
      text
        .split(/[\s,;]+/)
        .map(word => word.replace(/^@/, '').toLowerCase())
        .filter(word => word !== '')
    )
  ];
}

/** Who can join without being on a roster, in one sentence. */
export function joiningWords(joining: CohortPage['joining']): string {
  const { mail_domains: domains, allow_public_join: isPublic, require_approval: asks } = joining;
  if (!isPublic && domains.length === 0) {
    if (!joining.has_roster) {
      return 'Nothing was said yet: whoever the hub lets in is a member. That ends with the first roster, or with a domain here.';
    }
    return 'Only people on a roster, and those whom you add, are members.';
  }
  const who = isPublic
    ? 'Whoever has a verified mail address'
    : `Whoever has a verified mail address at ${domains.join(' or ')}`;
  return asks
    ? `${who} may ask to join, and waits for your approval.`
    : `${who} becomes a member at the first sign-in.`;
}
