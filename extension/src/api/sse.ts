/** One message of a server-sent event stream. */
export interface SseMessage {
  name: string;
  data: string;
}

/**
 * Cuts a server-sent event stream into messages. Chunks may end anywhere, also inside a line.
 */
export class SseParser {
  private _rest = '';
  private _name = '';
  private _data: string[] = [];

  /** Takes the next piece of text and returns the messages that it completes. */
  push(chunk: string): SseMessage[] {
    const lines = (this._rest + chunk).split(/\r\n|\n|\r(?!$)/);
    this._rest = lines.pop() ?? '';
    const messages: SseMessage[] = [];
    for (const line of lines) {
      if (line === '') {
        if (this._data.length > 0) {
          messages.push({ name: this._name || 'message', data: this._data.join('\n') });
        }
        this._name = '';
        this._data = [];
        continue;
      }
      const [field, value] = this._split(line);
      if (field === 'event') {
        this._name = value;
      } else if (field === 'data') {
        this._data.push(value);
      }
    }
    return messages;
  }

  private _split(line: string): [string, string] {
    const colon = line.indexOf(':');
    if (colon < 0) {
      return [line, ''];
    }
    const value = line.slice(colon + 1);
    return [line.slice(0, colon), value.startsWith(' ') ? value.slice(1) : value];
  }
}
