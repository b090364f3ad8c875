import { createContext, useContext } from 'react';

import type { Profile } from '../api/staff';

/** Permissions that decide which pages somebody sees; the service checks each call by itself. */
export const STAFF = 'staff:courses:read';
export const DEAD_LETTERS = 'staff:dead_letters:read';
export const REQUEUE = 'staff:dead_letters:requeue';
export const START_REGRADES = 'staff:regrades:create';
export const DECIDE_REGRADES = 'staff:regrades:decide';
export const READ_GRADES = 'staff:grades:read';
export const WRITE_GRADES = 'staff:grades:write';
export const POLICIES = 'staff:policies:write';
export const RELEASE_GRADES = 'staff:grades:release';
export const EXPORT_GRADES = 'staff:grades:export';
export const AUDIT = 'staff:audit:read';
export const PLATFORMS = 'staff:platforms:read';
export const SYNCHRONIZE_PLATFORMS = 'staff:platforms:synchronize';

/** Permissions for the cohort as a whole; they are named apart, since no role in a course holds them. */
export const COHORT = 'admin:cohort:read';
export const WRITE_COHORT = 'admin:cohort:write';
export const COHORTS = 'admin:cohorts:read';
export const READ_MEMBERS = 'admin:members:read';
export const WRITE_MEMBERS = 'admin:members:write';
export const WRITE_ROLES = 'admin:roles:write';
export const READ_JOINS = 'admin:joins:read';
export const DECIDE_JOINS = 'admin:joins:decide';
export const COHORT_AUDIT = 'admin:audit:read';

const Session = createContext<Profile | null>(null);

export const SessionProvider = Session.Provider;

export function useSession(): Profile {
  const profile = useContext(Session);
  if (profile === null) {
    throw new Error('useSession needs somebody who is signed in.');
  }
  return profile;
}

export function may(profile: Profile, permission: string): boolean {
  return profile.permissions.includes(permission);
}

export function mayAdministrate(profile: Profile, permission: string): boolean {
  return profile.administration.includes(permission);
}
