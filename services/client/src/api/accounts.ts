/* The calls of the account page, and of the dialog that confirms sensitive actions. */
import type { Tokens } from "../session/session";
import { afterOf, confirming, throwing } from "./calls";
import * as api from "./generated";

export type {
	AccountChange,
	AccountEvent,
	Asked,
	Challenge,
	Factor,
	Method,
	PasswordChange,
	Session as SessionEntry,
	User,
} from "./generated";

/* isWaiting: another email becomes the user's once the link was used that was sent to it (EMAIL_VERIFICATION). */
export async function changeAccount(body: api.AccountChange, confirmation?: string): Promise<{ user: api.User; isWaiting: boolean }> {
	const { data, response } = await api.changeAccount({ ...throwing, headers: confirming(confirmation), body });
	return { user: data.data, isWaiting: response.status === 202 };
}

export async function changePassword(body: api.PasswordChange, confirmation?: string): Promise<void> {
	await api.changePassword({ ...throwing, headers: confirming(confirmation), body });
}

export async function deleteAccount(confirmation?: string): Promise<void> {
	await api.deleteAccount({ ...throwing, headers: confirming(confirmation), body: {} });
}

export async function beginConfirmation(body: api.ConfirmationRequest): Promise<api.Challenge> {
	return (await api.beginConfirmation({ ...throwing, body })).data.data;
}

export async function fetchSessions(): Promise<api.Session[]> {
	return (await api.listSessions(throwing)).data.data.sessions;
}

export async function endSession(id: string): Promise<void> {
	await api.endOneSession({ ...throwing, path: { id } });
}

export async function endOtherSessions(confirmation?: string): Promise<Tokens> {
	return { token: (await api.endOtherSessions({ ...throwing, headers: confirming(confirmation) })).data.data.access_token };
}

export interface EventPage {
	events: api.AccountEvent[];
	next: number | null; // for `after`
}

const EVENTS_OF_A_PAGE = 10;

/* Of the caller, or, for an admin, of user ID. */
export async function fetchEvents(after: number, id?: number): Promise<EventPage> {
	const query = { limit: EVENTS_OF_A_PAGE, after };
	const asked = id === undefined ? api.listEvents({ ...throwing, query }) : api.listEventsOfUser({ ...throwing, path: { id }, query });
	const { data, response } = await asked;
	const next = afterOf(response);
	return { events: data.data.events, next: next === null ? null : Number(next) };
}

export async function fetchFactors(): Promise<api.FactorList["data"]> {
	return (await api.listFactors(throwing)).data.data;
}

/* What an app, a mailbox or an authenticator needs to become a factor. */
type AnyEnrolment = api.FactorEnrolled["data"];
export type Enrolment<M extends AnyEnrolment["method"] = AnyEnrolment["method"]> = AnyEnrolment & { method: M };

async function enrol<M extends AnyEnrolment["method"]>(
	body: api.FactorEnrolment & { method: M },
	confirmation?: string,
): Promise<Enrolment<M>> {
	return (await api.enrolFactor({ ...throwing, headers: confirming(confirmation), body })).data.data as Enrolment<M>;
}

export function enrolFactor(method: "totp" | "mtan", confirmation?: string): Promise<Enrolment<"totp" | "mtan">> {
	return enrol({ method }, confirmation);
}

export function enrolPhone(phone: string, confirmation?: string): Promise<Enrolment<"mtan">> {
	return enrol({ method: "mtan", phone }, confirmation);
}

export function enrolPasskey(name: string, confirmation?: string): Promise<Enrolment<"passkey">> {
	return enrol({ method: "passkey", name }, confirmation);
}

/* A change of a factor: the tokens that replace this session's, and new recovery codes, which are shown once. */
export interface FactorChange extends Tokens {
	codes: string[] | undefined;
}

function changeOf({ data }: api.FactorChanged): FactorChange {
	return { token: data.access_token, codes: data.recovery_codes };
}

export async function activateFactor(id: string, body: api.FactorActivation): Promise<FactorChange> {
	return changeOf((await api.activateFactor({ ...throwing, path: { id }, body })).data);
}

export async function removeFactor(id: string, confirmation?: string): Promise<FactorChange> {
	return changeOf((await api.removeFactor({ ...throwing, headers: confirming(confirmation), path: { id } })).data);
}

export async function replaceRecoveryCodes(confirmation?: string): Promise<FactorChange> {
	return changeOf((await api.replaceRecoveryCodes({ ...throwing, headers: confirming(confirmation), body: {} })).data);
}

export async function askFactors(asked: api.Asked, confirmation?: string): Promise<FactorChange> {
	return changeOf((await api.askFactors({ ...throwing, headers: confirming(confirmation), body: { asked } })).data);
}
