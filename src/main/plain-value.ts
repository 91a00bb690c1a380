/** Plain answers that can be printed: fields, and how they look as JSON and text. Main thread; pure. */
import { inspect } from 'node:util';
import { defineInspect, jsonForm } from '../wire/text-form.js';

/** What answers inherit: `JSON.stringify` and template strings work, although fields are bigints and bytes. */
export class PlainValue {
  toJSON(): Record<string, unknown> {
    return jsonForm(this);
  }

  toString(): string {
    return JSON.stringify(this);
  }

  /** Shown as the plain object that it is. */
  static {
    defineInspect<PlainValue>(PlainValue.prototype, function (options) {
      return inspect(Object.fromEntries(Object.entries(this)), options);
    });
  }
}

/** The fields as an object that can be printed. */
export function plainValue<Fields extends object>(fields: Fields): Fields {
  return Object.assign(new PlainValue(), fields);
}
