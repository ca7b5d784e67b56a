/* The calls of logging in with a passkey alone. */
import type { Tokens } from "../session/session";
import { throwing, tokensOf } from "./calls";
import * as api from "./generated";

export async function beginPasskeyLogin(): Promise<api.PasskeyLoginBegun["data"]> {
	return (await api.beginPasskeyLogin(throwing)).data.data;
}

export async function logInWithPasskey(challenge: string, assertion: api.PasskeyAssertion, keep: boolean): Promise<Tokens> {
	const body = { assertion, remember: keep, cookie: keep };
	return tokensOf((await api.loginWithPasskey({ ...throwing, path: { id: challenge }, body })).data);
}
