/** Builds small protobuf messages by hand, for ONNX files that no exporter would write. */

function varint(value: number): number[] {
  const bytes: number[] = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return [...bytes, rest];
    bytes.push((rest % 128) | 128);
  }
}

/** A length-delimited field: a message, a string or bytes. */
export function field(number: number, content: Buffer | string): Buffer {
  const body = Buffer.from(content);
  return Buffer.concat([
    Buffer.from(varint(number * 8 + 2)),
    Buffer.from(varint(body.length)),
    body,
  ]);
}

/** A TensorProto whose data is said to lie in `location`. */
export function externalTensor(location: string): Buffer {
  const entry = Buffer.concat([field(1, 'location'), field(2, location)]);
  return Buffer.concat([field(8, 'weights'), field(13, entry)]);
}

/** A ModelProto around the fields of its graph. */
export function model(...graphFields: Buffer[]): Buffer {
  return field(7, Buffer.concat(graphFields));
}
