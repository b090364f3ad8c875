/** Keeps order among requests about one subject, which could overtake each other on the way. */
export class InTurn {
  private readonly underWay = new Map<string, Promise<unknown>>();

  /** Wait until all that was sent about `subject` is answered. */
  async wait(subject: string): Promise<void> {
    for (let last = this.underWay.get(subject); last; last = this.underWay.get(subject)) {
      await last;
    }
  }

  /** Have whoever waits wait for `request`, too, however it ends; returns it. */
  sent<T>(subject: string, request: Promise<T>): Promise<T> {
    const all = Promise.allSettled([this.underWay.get(subject), request]).then(() => {
      if (this.underWay.get(subject) === all) {
        this.underWay.delete(subject);
      }
    });
    this.underWay.set(subject, all);
    return request;
  }
}
