/**
 * A terminal of given columns and rows, as far as the command uses one: text, line ends, the cursor moved up, lines and screen
 * cleared. It remembers each time that text went past its last column.
 */
import { EventEmitter } from 'node:events';

/** A control sequence, or one character. */
const SEQUENCES = new RegExp(`${String.fromCharCode(27)}\\[\\??\\d*[A-Za-z]|[^]`, 'gu');

export class FakeTerminal extends EventEmitter {
  columns: number;
  rows: number;
  /** Everything that was ever on the screen, the oldest line first. */
  lines: string[] = [''];
  /** Lines that did not fit and went on in the next row. */
  wrapped: string[] = [];
  isCursorHidden = false;
  /** How often the cursor was to be moved above the first row on the screen. */
  beyondTop = 0;
  #row = 0;
  #column = 0;

  constructor(columns: number, rows = 24) {
    super();
    this.columns = columns;
    this.rows = rows;
  }

  readonly write = (text: string): void => {
    for (const [part] of text.matchAll(SEQUENCES)) this.#take(part);
  };

  /** As terminals do that break lines anew: what no longer fits goes on in further rows, and the cursor stays with its text. */
  resize(columns: number): void {
    const cursorLine = this.#row;
    const broken = this.lines.flatMap((line, at) => {
      const parts = line.length === 0 ? [''] : (line.match(new RegExp(`.{1,${String(columns)}}`, 'gu')) ?? ['']);
      if (at < cursorLine) this.#row += parts.length - 1;
      return parts;
    });
    this.lines = broken;
    this.columns = columns;
    this.emit('resize');
  }

  get text(): string {
    return this.lines.map((line) => line.trimEnd()).join('\n');
  }

  #take(part: string): void {
    if (part === '\r') this.#column = 0;
    else if (part === '\n') this.#down();
    else if (part.startsWith('\u001b[')) this.#control(part);
    else this.#put(part);
  }

  #control(sequence: string): void {
    const line = this.lines[this.#row] ?? '';
    switch (sequence.at(-1)) {
      case 'A': {
        const top = Math.max(0, this.lines.length - this.rows);
        const to = this.#row - Number(sequence.slice(2, -1));
        if (to < top) this.beyondTop += 1;
        this.#row = Math.max(top, to);
        break;
      }
      case 'K':
        this.lines[this.#row] = line.slice(0, this.#column);
        break;
      case 'J':
        this.lines[this.#row] = line.slice(0, this.#column);
        this.lines.length = this.#row + 1;
        break;
      case 'l':
        this.isCursorHidden = true;
        break;
      case 'h':
        this.isCursorHidden = false;
        break;
      default:
      // Colors.
    }
  }

  #down(): void {
    this.#row += 1;
    this.#column = 0;
    if (this.#row === this.lines.length) this.lines.push('');
  }

  #put(character: string): void {
    if (this.#column === this.columns) {
      this.wrapped.push(this.lines[this.#row] ?? '');
      this.#down();
    }
    const line = (this.lines[this.#row] ?? '').padEnd(this.#column);
    this.lines[this.#row] = line.slice(0, this.#column) + character + line.slice(this.#column + 1);
    this.#column += 1;
  }
}
