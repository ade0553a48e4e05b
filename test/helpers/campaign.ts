/** How much of a campaign to run: the short form meets each kind of fault, SIGHTLINE_TEST_LONG=1 runs all of it. */
export const isLong = !['', '0', undefined].includes(process.env.SIGHTLINE_TEST_LONG);

export const rounds = (short: number, long: number): number => (isLong ? long : short);
