/* TEXT if it is one of ALL, as of an address, which may have any text. */
export function oneOf<T extends string>(all: readonly T[], text: string | null): T | null {
	return all.find((one) => one === text) ?? null;
}
