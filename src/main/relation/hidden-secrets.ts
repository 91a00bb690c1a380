/**
 * Values that hold a secret and are data all the same: `console.log` and `util.inspect` show them without it, while fields, spreading
 * and JSON give everything, since they are how the value is used. Main thread; pure.
 */
import { inspect } from 'node:util';
import { defineInspect } from '../../wire/text-form.js';

const HIDDEN = '[hidden]';

/** The same object; `inspect` shows that these fields are there, and nothing of them. */
export function hideFields<Value extends object>(value: Value, ...names: readonly (keyof Value & string)[]): Value {
  defineInspect(value, function (options) {
    const shown = Object.entries(this).map(([name, field]: [string, unknown]) => [
      name,
      field !== undefined && field !== null && names.some((secret) => secret === name) ? HIDDEN : field,
    ]);
    return inspect(Object.fromEntries(shown), options);
  });
  return value;
}

/** The same map; `inspect` shows its keys only. */
export function hideValues<Value extends ReadonlyMap<string, string>>(map: Value): Value {
  defineInspect(map, function (options) {
    return inspect(new Map([...this.keys()].map((key) => [key, HIDDEN])), options);
  });
  return map;
}
