/**
 * Paths as they are compared: composed (NFC), because one system stores `é` as one character and
 * another as two, and without case, because `IMG_1.JPG` and `img_1.jpg` are the same name to people.
 */

const ASCII = /^[\0-\x7f]*$/;

/** The text in the form in which patterns and paths are compared. */
export function foldPath(text: string): string {
  if (ASCII.test(text)) return text.toLowerCase();
  let folded = '';
  for (const character of text.normalize('NFC')) folded += foldCharacter(character);
  return folded;
}

/**
 * One code point in, one out, so that `?` counts what a person sees; and each on its own, because
 * `toLowerCase` of a whole word depends on the neighbours (a final sigma). By way of the upper case,
 * so that letters with two lower-case forms become one.
 */
function foldCharacter(character: string): string {
  const upper = onlyOne(character.toUpperCase()) ?? character;
  return onlyOne(upper.toLowerCase()) ?? upper;
}

const onlyOne = (text: string): string | undefined =>
  text.length === String.fromCodePoint(text.codePointAt(0) ?? 0).length ? text : undefined;
