/* Which users an admin's list shows, in which order, and from where on. It is in the address, so that it can be shared and gone back to. */
import type { ListUsersData } from "../api/generated";
import { oneOf } from "../parts/one-of";

export type UserQuery = NonNullable<ListUsersData["query"]>;

export const FLAGS = ["true", "false"] as const;
export const SORTS = ["id", "-id", "username", "-username", "email", "-email"] as const; // with a dash, descending

export interface UserFilter {
	text: string; // in the name or the email
	active: (typeof FLAGS)[number] | null;
	admin: (typeof FLAGS)[number] | null;
	sort: (typeof SORTS)[number];
	after: string | null; // the page begins behind that user
}

export function filterOf(search: string): UserFilter {
	const parts = new URLSearchParams(search);

	return {
		text: parts.get("query") ?? "",
		active: oneOf(FLAGS, parts.get("active")),
		admin: oneOf(FLAGS, parts.get("admin")),
		sort: oneOf(SORTS, parts.get("sort")) ?? "id",
		after: parts.get("after"),
	};
}

/* The address's part, "" for the first page of all users; what is not chosen is not in it. */
export function searchOf({ text, active, admin, sort, after }: UserFilter): string {
	const parts = new URLSearchParams();

	if (text !== "") parts.set("query", text);
	if (active) parts.set("active", active);
	if (admin) parts.set("admin", admin);
	if (sort !== "id") parts.set("sort", sort);
	if (after) parts.set("after", after);
	return parts.size > 0 ? `?${parts}` : "";
}

/* What is asked of the server. Only admins may filter and sort. */
export function queryOf({ text, active, admin, sort, after }: UserFilter, isAdmin: boolean): UserQuery {
	const query: UserQuery = after ? { after } : {};

	if (!isAdmin) return query;
	if (text.trim() !== "") query.query = text.trim();
	if (active) query.active = active === "true";
	if (admin) query.admin = admin === "true";
	if (sort !== "id") {
		query.sort = sort.replace("-", "") as "id" | "username" | "email";
		query.order = sort.startsWith("-") ? "desc" : "asc";
	}
	return query;
}
