/**
 * Keeps what is shown from going back in time.
 *
 * The same question is asked again and again, answers may overtake each other, and meanwhile an event or something
 * that this window has sent changes what the question is about. An answer counts only when it was asked for after all
 * of that.
 */
export class Newest {
  /**
   * Asks, and has the answer taken. An answer that was asked for before the last change is not: then it is asked
   * again. One that a later question's answer has overtaken is left out, and so is its failure; then this is null.
   */
  async ask<Answer, Taken>(
    question: () => Promise<Answer>,
    take: (answer: Answer) => Taken
  ): Promise<Taken | null> {
    for (;;) {
      const asked = this._next();
      let answer: Answer;
      try {
        answer = await question();
      } catch (reason) {
        if (asked < this._taken) {
          return null;
        }
        throw reason;
      }
      if (asked < this._taken) {
        return null;
      }
      if (asked > this._changed) {
        this._taken = asked;
        return take(answer);
      }
    }
  }

  /** What the question is about is known to have changed: answers that are on their way may not know it. */
  changed(): void {
    this._changed = this._next();
  }

  private _next(): number {
    this._moment += 1;
    return this._moment;
  }

  private _moment = 0;
  private _changed = 0;
  private _taken = 0;
}
