/**
 * A few lines at the end of a terminal that are drawn again in place, with text that scrolls away above them. No line is wider
 * than the terminal, and there are not more of them than it has rows: otherwise the cursor could not go back to the first one.
 */
import cliProgress from 'cli-progress';
import type { OutputStream } from './output.js';

export type Screen = Pick<OutputStream, 'columns' | 'rows' | 'getWindowSize' | 'on' | 'off'>;

const DEFAULT_COLUMNS = 80;
const DEFAULT_ROWS = 24;
const HIDE_CURSOR = '\u001b[?25l';
const SHOW_CURSOR = '\u001b[?25h';
const CLEAR_LINE = '\u001b[K';
const CLEAR_BELOW = '\u001b[J';

/** Text for so many columns; the first line of the block is the most important one. */
export type Lines = (columns: number) => readonly string[];

export class LiveBlock {
  readonly #screen: Screen;
  readonly #write: (text: string) => void;
  /** As they stand on the screen, above the cursor. */
  #drawn: readonly string[] = [];
  #lines: Lines | undefined;
  readonly #onResize = (): void => this.#redraw('');

  constructor(screen: Screen, write: (text: string) => void) {
    this.#screen = screen;
    this.#write = write;
  }

  /** The last column stays free: what is written there makes some terminals go to the next line. */
  get columns(): number {
    return Math.max(1, this.#width - 1);
  }

  draw(lines: Lines): void {
    if (this.#lines === undefined) {
      this.#write(HIDE_CURSOR);
      this.#screen.on('resize', this.#onResize);
    }
    this.#lines = lines;
    this.#redraw('');
  }

  /** Text above the block. */
  log(text: string): void {
    this.#redraw(
      wrapText(text, this.columns)
        .map((line) => `${line}${CLEAR_LINE}\n`)
        .join(''),
    );
  }

  /** The block stays as it is, and what follows is written below it. */
  settle(): void {
    if (this.#lines === undefined) return;
    this.#screen.off('resize', this.#onResize);
    this.#lines = undefined;
    this.#drawn = [];
    this.#write(SHOW_CURSOR);
  }

  /** The block vanishes. */
  clear(): void {
    if (this.#lines === undefined) return;
    this.#write(`${this.#toTop()}${CLEAR_BELOW}`);
    this.settle();
  }

  get #width(): number {
    // Asked anew: what is drawn between a change of size and the signal of it would be of the wrong width.
    return this.#screen.getWindowSize?.()[0] ?? this.#screen.columns ?? DEFAULT_COLUMNS;
  }

  #redraw(above: string): void {
    const top = this.#toTop();
    const { columns } = this;
    const most = Math.max(1, (this.#screen.rows ?? DEFAULT_ROWS) - 1);
    this.#drawn = (this.#lines?.(columns) ?? []).slice(0, most).map((line) => cut(line, columns));
    // In one write, so that it does not flicker. The cursor ends at the start of a line, where an echoed ^C does no harm.
    this.#write(`${top}${above}${this.#drawn.map((line) => `${line}${CLEAR_LINE}\n`).join('')}${CLEAR_BELOW}`);
  }

  /** Moves to the first row of the block, which a terminal that became narrower has broken into more rows. */
  #toTop(): string {
    const rows = this.#drawn.reduce((sum, line) => sum + Math.max(1, Math.ceil(line.length / this.#width)), 0);
    return rows === 0 ? '\r' : `\r\u001b[${String(rows)}A`;
  }
}

/** `[=====-----]`, as wide as `width` and the brackets; nothing where there is no room. */
export function barText(share: number, width: number): string {
  if (width < 1) return '';
  const options = {
    barsize: width,
    barCompleteString: '='.repeat(width + 1),
    barIncompleteString: '-'.repeat(width + 1),
    barGlue: '',
  };
  return `[${cliProgress.Format.BarFormat(Math.min(1, Math.max(0, share)), options)}]`;
}

/** Lines of at most so many columns, broken between words where that can be. */
export function wrapText(text: string, columns: number): string[] {
  return text.split('\n').flatMap((line) => {
    const lines: string[] = [];
    let rest = line;
    while (rest.length > columns) {
      const space = rest.lastIndexOf(' ', columns);
      const end = space > 0 ? space : columns;
      lines.push(rest.slice(0, end));
      rest = rest.slice(end).replace(/^ /u, '');
    }
    return [...lines, rest];
  });
}

function cut(line: string, columns: number): string {
  return line.length <= columns ? line : `${line.slice(0, columns - 1)}…`;
}
