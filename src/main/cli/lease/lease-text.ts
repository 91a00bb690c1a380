/** Leases as the `vigil lease` commands print them. Pure. */
import type { JsonObject } from '../json-shape.js';

/** Decimal, and in etcdctl's form, where a negative one has its sign. */
export function leaseIdJson(leaseId: bigint): JsonObject {
  return { leaseId: String(leaseId), leaseIdHex: leaseId.toString(16) };
}

/** A whole line, as JSON or as text. */
export function leaseLine(isJson: boolean | undefined, leaseId: bigint, fields: JsonObject, text: string): string {
  return isJson === true ? `${JSON.stringify({ ...leaseIdJson(leaseId), ...fields })}\n` : `${text}\n`;
}
