/**
 * Normal form in which paths are compared: composed (NFC), because some systems store `é` as one character
 * and others as two, and case-folded, because users take `IMG_1.JPG` and `img_1.jpg` for the same name.
 */

const ASCII = /^[\0-\x7f]*$/;

/** The form in which patterns and paths are compared. */
export function foldPath(text: string): string {
  if (ASCII.test(text)) return text.toLowerCase();
  let folded = '';
  for (const character of text.normalize('NFC')) folded += foldCharacter(character);
  return folded;
}

/**
 * One code point in, one out, so that `?` matches one visible character. Each is folded on its own, because
 * `toLowerCase` of a word depends on context (final sigma). Upper-casing first merges letters that have two
 * lower-case forms.
 */
function foldCharacter(character: string): string {
  const upper = onlyOne(character.toUpperCase()) ?? character;
  return onlyOne(upper.toLowerCase()) ?? upper;
}

const onlyOne = (text: string): string | undefined =>
  text.length === String.fromCodePoint(text.codePointAt(0) ?? 0).length ? text : undefined;
