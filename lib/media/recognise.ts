/** Detects a file's kind from its content: for ambiguous names, and before a decoder is chosen. */
import type { MediaKind } from '../base/types';
import { isOtherName, isSharedName, kindOfName } from './kinds';
import { openMedia } from './safe-open';
import { isText, sniff, SNIFF_BYTES } from './sniff';

/**
 * Kind of a regular file for a walk: by its name if that is clear, else by its first bytes; undefined for
 * other files. A picture in an unsupported format counts as one, so that it is reported instead of ignored.
 *
 * Cost: nothing for clear names; else one open and one read.
 *
 * @throws the system's error when the file cannot be read
 */
export async function walkedKind(absPath: string, name: string): Promise<MediaKind | undefined> {
  const byName = kindOfName(name);
  if (byName !== undefined || isOtherName(name)) return byName;
  const head = await readHead(absPath);
  // A video named `.ts` whose beginning is damaged is still no text.
  return kindOf(head) ?? (isSharedName(name) && !isText(head) ? 'video' : undefined);
}

/** Kind by content alone; undefined when unknown or unreadable. */
export async function contentKind(file: {
  readonly absPath: string;
}): Promise<MediaKind | undefined> {
  // Decoding will report why it cannot be read.
  const head = await readHead(file.absPath).catch(() => undefined);
  return head && kindOf(head);
}

function kindOf(head: Uint8Array): MediaKind | undefined {
  const sniffed = sniff(head);
  if (sniffed.type === 'unsupported') return sniffed.isPicture ? 'image' : undefined;
  if (sniffed.type === 'unknown' || isSound(head)) return undefined;
  return sniffed.type;
}

/** Audio in an ISO base media container, by its brand. */
const isSound = (head: Uint8Array): boolean =>
  /^....ftyp(M4A|M4B|M4P|F4A)/s.test(String.fromCharCode(...head.subarray(0, 12)));

async function readHead(absPath: string): Promise<Uint8Array> {
  const { handle } = await openMedia(absPath);
  try {
    const head = Buffer.alloc(SNIFF_BYTES);
    const { bytesRead } = await handle.read(head, 0, head.length, 0);
    return head.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}
