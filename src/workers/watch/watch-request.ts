/** Encodes the three requests of a watch stream, framed for gRPC, into a writer that is flushed in one write. Pure. */
import type { WatchSpec } from '../../wire/contract.js';
import type { ProtoWriter } from '../../wire/proto-writer.js';

/** `WatchRequest.create_request`. */
export function writeCreate(
  writer: ProtoWriter,
  spec: WatchSpec,
  streamWatchId: number,
  startRevision: number,
  fragment: boolean,
): void {
  const frame = writer.beginFrame();
  const request = writer.beginMessage(1);
  writer.bytes(1, spec.key);
  if (spec.rangeEnd !== undefined) writer.bytes(2, spec.rangeEnd);
  writer.uintField(3, startRevision);
  // Always asked for: it is what keeps the resume revision of an idle watch from being compacted away.
  writer.boolField(4, true);
  if (spec.noPut) writeFilter(writer, 0);
  if (spec.noDelete) writeFilter(writer, 1);
  writer.boolField(6, spec.prevKv);
  writer.uintField(7, streamWatchId);
  writer.boolField(8, fragment);
  writer.endMessage(request);
  writer.endFrame(frame);
}

/** One element of `filters`, unpacked, so that its 0 (NOPUT) is written too. */
function writeFilter(writer: ProtoWriter, filter: number): void {
  writer.uint(5 * 8);
  writer.uint(filter);
}

/** `WatchRequest.cancel_request`. */
export function writeCancel(writer: ProtoWriter, streamWatchId: number): void {
  const frame = writer.beginFrame();
  const request = writer.beginMessage(2);
  writer.uintField(1, streamWatchId);
  writer.endMessage(request);
  writer.endFrame(frame);
}

/** `WatchRequest.progress_request`. */
export function writeProgressRequest(writer: ProtoWriter): void {
  const frame = writer.beginFrame();
  writer.endMessage(writer.beginMessage(3));
  writer.endFrame(frame);
}
