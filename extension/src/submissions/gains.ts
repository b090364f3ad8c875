/**
 * What each attempt brought, by what the classroom says of it. XP is counted by jobs of its own, so news of it comes
 * before or long after the verdict, once for the score and once for the lesson.
 */
export class GainBook {
  private readonly _totals = new Map<string, number>();

  /** XP that an attempt brought, as far as is known. */
  of(attempt: string): number {
    return this._totals.get(attempt) ?? 0;
  }

  /** Notes XP that was gained; a quiz's attempts are of no interest, and harm nothing. */
  gain(gained: { xp: number; attempt_id: string | null }): void {
    if (gained.attempt_id !== null) {
      this._totals.set(gained.attempt_id, this.of(gained.attempt_id) + gained.xp);
    }
  }
}
