/** News of XP belongs to a verdict that is at most so much older or younger: they come by jobs of their own. */
const WINDOW_MS = 60_000;

interface Verdict {
  attempt: string;
  object: string;
  at: number;
}

interface Gain {
  xp: number;
  object: string;
  at: number;
}

/**
 * Matches gained XP to the verdict that earned them. Both arrive as events of their own, in either
 * order, and a gain names its lesson only.
 */
export class GainBook {
  private readonly _totals = new Map<string, number>();
  private _verdict: Verdict | null = null;
  private _open: Gain[] = [];

  /** XP that an attempt brought, as far as is known. */
  of(attempt: string): number {
    return this._totals.get(attempt) ?? 0;
  }

  /** Notes a verdict at `now` (milliseconds). */
  verdict(attempt: { id: string; course: string; lesson: string }, now: number): void {
    this._verdict = { attempt: attempt.id, object: `${attempt.course}/${attempt.lesson}`, at: now };
    this._match(now);
  }

  /** Notes XP gained at `now` (milliseconds); `object` is `course/lesson` or names a quiz. */
  gain(gained: { xp: number; object: string }, now: number): void {
    this._open.push({ xp: gained.xp, object: gained.object, at: now });
    this._match(now);
  }

  private _match(now: number): void {
    const verdict = this._verdict;
    this._open = this._open.filter(gain => now - gain.at <= WINDOW_MS);
    if (!verdict || now - verdict.at > WINDOW_MS) {
      return;
    }
    const earned = this._open.filter(gain => gain.object === verdict.object);
    const xp = earned.reduce((sum, gain) => sum + gain.xp, 0);
    if (xp > 0) {
      this._totals.set(verdict.attempt, this.of(verdict.attempt) + xp);
      this._open = this._open.filter(gain => !earned.includes(gain));
    }
  }
}
