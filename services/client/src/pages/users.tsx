import { keepPreviousData, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { addUser, changeUser, deleteUser, fetchUsers, type UserPage } from "../api/calls";
import { Failure, messageOf } from "../api/failure";
import type { User, UserChange, UserName } from "../api/generated";
import { Dialog } from "../parts/dialog";
import { Field } from "../parts/field";
import { Link } from "../parts/link";
import { LogInFirst } from "../parts/log-in-first";
import { dismissErrors, notify } from "../parts/notices";
import { Page } from "../parts/page";
import { RuleList } from "../parts/rule-list";
import { areMet, registrationRules } from "../parts/rules";
import { useForm } from "../parts/use-form";
import { confirmed, report } from "../session/confirm";
import { type Session, sessions } from "../session/session";
import { useSession } from "../session/use-session";
import { EditDialog } from "../users/edit-dialog";
import { queryOf, searchOf } from "../users/filter";
import { UserDialog } from "../users/user-dialog";
import { UserTools, useUserFilter } from "../users/user-tools";
import { REGISTRATION_LABELS } from "./labels";

const USERS = ["users"];

/* Runs ACTION, shows its outcome, and fetches the list again, even after a failure: another admin may have changed it. */
function useAdminAction<T>(action: (arg: T) => Promise<unknown>, done: (arg: T) => string) {
	const queries = useQueryClient();

	return useMutation({
		mutationFn: action,
		onMutate: dismissErrors,
		onSuccess: (_, arg) => notify("success", done(arg)),
		onError: report,
		onSettled: () => queries.invalidateQueries({ queryKey: USERS }),
	});
}

function changeText({ user, to }: Change): string {
	if (to.username !== undefined || to.email !== undefined) return `${to.username ?? user.username} was changed.`;
	if (to.active !== undefined) return `${user.username} is ${to.active ? "active" : "no longer active"}.`;
	return `${user.username} is ${to.admin ? "an admin" : "no longer an admin"}.`;
}

function DeleteDialog({ user, onClose }: { user: User; onClose: () => void }) {
	const sure = { parameters: { id: `${user.id}` }, title: `Delete ${user.username}?`, button: "Delete", isDangerous: true };
	const deleting = useAdminAction(
		(id: number) => confirmed({ action: "delete_user", ...sure }, (confirmation) => deleteUser(id, confirmation)),
		() => `${user.username} was deleted.`,
	);

	return (
		<Dialog title={`Delete ${user.username}?`} onClose={onClose}>
			<div className="dialog-body">
				<p className="block">{user.email} can no longer log in, and is logged out everywhere. This cannot be undone.</p>
				<div className="buttons">
					<button
						type="button"
						className="button is-danger"
						disabled={deleting.isPending}
						onClick={() => deleting.mutate(user.id, { onSettled: onClose })}
					>
						Delete
					</button>
					<button type="button" className="button" onClick={onClose}>
						Keep
					</button>
				</div>
			</div>
		</Dialog>
	);
}

function AddDialog({ onClose }: { onClose: () => void }) {
	const queries = useQueryClient();
	const form = useForm(REGISTRATION_LABELS, async (texts) => {
		notify("success", await addUser(texts));
		queries.invalidateQueries({ queryKey: USERS });
		onClose();
	});
	const rules = registrationRules(form.texts);

	return (
		<Dialog title="Add a user" onClose={onClose}>
			<form className="dialog-body" onSubmit={form.submit} noValidate>
				<RuleList rules={rules} />
				<Field {...form.field("username")} autoComplete="off" autoCapitalize="none" spellCheck={false} required />
				<Field {...form.field("email")} type="email" autoComplete="off" required />
				<Field {...form.field("password")} type="password" autoComplete="new-password" required />
				<input
					className="button is-primary"
					type="submit"
					value={form.isSending ? "Adding…" : "Add"}
					disabled={!areMet(rules) || form.isSending}
				/>
			</form>
		</Dialog>
	);
}

interface Change {
	user: User;
	to: UserChange;
}

/* The question before a change that is easily regretted, or null. */
function questionOf({ user, to }: Change, isOwn: boolean): { title: string; text: string; button: string } | null {
	if (isOwn && to.active === false)
		return {
			title: "Deactivate yourself?",
			text: "You are logged out everywhere, and only another admin can activate you again.",
			button: "Deactivate",
		};
	if (isOwn && to.admin === false)
		return {
			title: "Stop being an admin?",
			text: "You can no longer change users, and only another admin can undo it.",
			button: "Remove admin",
		};
	if (to.admin)
		return {
			title: `Make ${user.username} an admin?`,
			text: "Admins can change and delete every user, you included.",
			button: "Make admin",
		};
	return null;
}

/* What the dialog says that confirms a change, if the server asks for it. */
function confirmationOf({ user, to }: Change): { title: string; button: string } {
	if (to.admin) return { title: `Confirm that ${user.username} becomes an admin`, button: "Make admin" };
	if (to.active) return { title: `Activate ${user.username}?`, button: "Activate" };
	return { title: `Change ${user.username}?`, button: "Change" };
}

/* Changes a user, which a second factor or the password confirms. The page follows at once: it shows the reply, and an admin's own deactivation ends
 * the session. */
function useChangeCall(isOwn: boolean) {
	const queries = useQueryClient();

	return async ({ user, to }: Change) => {
		const what = { parameters: { ...to, id: `${user.id}` }, ...confirmationOf({ user, to }) };
		const changed = await confirmed({ action: "change_user", ...what }, (confirmation) => changeUser(user.id, to, confirmation));
		queries.setQueriesData<UserPage>(
			{ queryKey: USERS },
			(page) => page && { ...page, users: page.users.map((one) => (one.id === changed.id ? changed : one)) },
		);
		if (isOwn && !changed.active) sessions.endEverywhere("user_inactive");
	};
}

function useChange(isOwn: boolean) {
	return useAdminAction(useChangeCall(isOwn), changeText);
}

/* The same, for a form, which shows what is wrong with a field beside it. */
function useEdit(user: User, isOwn: boolean) {
	const queries = useQueryClient();
	const call = useChangeCall(isOwn);

	return async (to: UserChange) => {
		try {
			await call({ user, to });
			notify("success", changeText({ user, to }));
		} finally {
			queries.invalidateQueries({ queryKey: USERS });
		}
	};
}

function ChangeDialog({ change, isOwn, onClose }: { change: Change; isOwn: boolean; onClose: () => void }) {
	const changing = useChange(isOwn);
	const question = questionOf(change, isOwn);

	return (
		<Dialog title={question?.title ?? ""} onClose={onClose}>
			<div className="dialog-body">
				<p className="block">{question?.text}</p>
				<div className="buttons">
					<button
						type="button"
						className="button is-danger"
						disabled={changing.isPending}
						onClick={() => changing.mutate(change, { onSettled: onClose })}
					>
						{question?.button}
					</button>
					<button type="button" className="button" onClick={onClose}>
						Cancel
					</button>
				</div>
			</div>
		</Dialog>
	);
}

function Actions({ user, isOwn, onDelete }: { user: User; isOwn: boolean; onDelete: () => void }) {
	const [asked, setAsked] = useState<Change | null>(null);
	const [isOpen, setOpen] = useState(false);
	const [isEdited, setEdited] = useState(false);
	const edit = useEdit(user, isOwn);
	const changing = useChange(isOwn);
	const change = (to: UserChange) => (questionOf({ user, to }, isOwn) ? setAsked({ user, to }) : changing.mutate({ user, to }));
	const button = (text: string, onClick: () => void) => (
		<button type="button" className="button is-small" disabled={changing.isPending} onClick={onClick}>
			{text} <span className="is-sr-only">{user.username}</span>
		</button>
	);

	return (
		<div className="actions">
			{button(user.active ? "Deactivate" : "Activate", () => change({ active: !user.active }))}
			{button(user.admin ? "Remove admin" : "Make admin", () => change({ admin: !user.admin }))}
			{button("Edit", () => setEdited(true))}
			{button("Delete", onDelete)}
			{button("Details", () => setOpen(true))}
			{isOpen && <UserDialog user={user} isOwn={isOwn} onClose={() => setOpen(false)} />}
			{isEdited && <EditDialog user={user} save={edit} onClose={() => setEdited(false)} />}
			{asked && <ChangeDialog change={asked} isOwn={isOwn} onClose={() => setAsked(null)} />}
		</div>
	);
}

/* Other users than admins see only the names of the others. */
function isWhole(user: User | UserName): user is User {
	return "email" in user;
}

function Flag({ is }: { is: boolean }) {
	return <span className={is ? "flag is-on" : "flag"}>{is ? "yes" : "no"}</span>;
}

interface UserTableProps {
	users: (User | UserName)[];
	canChange: boolean;
	ownId: number | undefined;
}

function UserTable({ users, canChange, ownId }: UserTableProps) {
	const [deleted, setDeleted] = useState<User | null>(null);
	const hasDetails = canChange || users.some((user) => isWhole(user) && user.id !== ownId);

	return (
		<div className="sheet table-sheet">
			<table className="table is-fullwidth users">
				<thead>
					<tr>
						<th scope="col">ID</th>
						<th scope="col">Username</th>
						{hasDetails && <th scope="col">Email</th>}
						{hasDetails && <th scope="col">Active</th>}
						{hasDetails && <th scope="col">Admin</th>}
						{canChange && <th scope="col">Change</th>}
					</tr>
				</thead>
				<tbody>
					{users.map((user) => (
						<tr key={user.id} data-user={user.username}>
							<td data-label="ID">{user.id}</td>
							<th scope="row" className="username">
								{user.username}
								{user.id === ownId && <span className="soft"> (you)</span>}
							</th>
							{hasDetails && isWhole(user) && (
								<>
									<td data-label="Email" className="email">
										{user.email}
									</td>
									<td data-label="Active">
										<Flag is={user.active} />
									</td>
									<td data-label="Admin">
										<Flag is={user.admin} />
									</td>
								</>
							)}
							{canChange && isWhole(user) && (
								<td className="actions-cell">
									<Actions user={user} isOwn={user.id === ownId} onDelete={() => setDeleted(user)} />
								</td>
							)}
						</tr>
					))}
				</tbody>
			</table>
			{deleted && <DeleteDialog user={deleted} onClose={() => setDeleted(null)} />}
		</div>
	);
}

function UserListing({ session }: { session: Session | null }) {
	const [isAdding, setAdding] = useState(false);
	const [filter, change] = useUserFilter();
	const [isRefused, setRefused] = useState(false); // the user is no admin any more, as the token says
	const isAdmin = (session?.isAdmin ?? false) && !isRefused;
	const query = queryOf(filter, isAdmin);
	const listing = useQuery({
		queryKey: [...USERS, session?.userId ?? null, query],
		queryFn: () => fetchUsers(query),
		placeholderData: keepPreviousData,
	});
	const { users, next } = listing.data ?? {};
	const own = users?.find((user) => user.id === session?.userId);
	const canChange = own && isWhole(own) ? own.admin : isAdmin;
	const failure = listing.error instanceof Failure ? listing.error : null;
	const isPassedOver = !listing.isPlaceholderData && users?.length === 0 && next;

	/* A page of a filtered list may be empty although a later one is not, which takes its place in the history. */
	useEffect(() => {
		if (isPassedOver) change({ text: filter.text, after: next });
	});

	/* Others see the list as it is without a filter. */
	useEffect(() => {
		if (failure?.code === "not_permitted") setRefused(true);
	}, [failure]);

	if (failure && [401, 403].includes(failure.httpStatus) && failure.code !== "not_permitted") return <LogInFirst />;
	if (listing.error && !users)
		return (
			<div className="sheet">
				<p className="block">{messageOf(listing.error)}</p>
				<button type="button" className="button" onClick={() => listing.refetch()}>
					Try again
				</button>
			</div>
		);
	if (!users || isPassedOver) return <div className="sheet table-sheet table-blank" aria-busy="true" />;
	return (
		<>
			{canChange && <UserTools onAdd={() => setAdding(true)} />}
			{users.length > 0 ? (
				<UserTable users={users} canChange={canChange} ownId={session?.userId} />
			) : (
				<p className="sheet">No user is like that.</p>
			)}
			<div className="buttons">
				{filter.after && (
					<Link className="button" to={`/all-users${searchOf({ ...filter, after: null })}`}>
						First page
					</Link>
				)}
				{next && (
					<Link className="button" to={`/all-users${searchOf({ ...filter, after: next })}`}>
						Next page
					</Link>
				)}
			</div>
			{isAdding && <AddDialog onClose={() => setAdding(false)} />}
		</>
	);
}

export default function Users() {
	const session = useSession();

	return (
		<Page title="All Users">
			<UserListing session={session} />
		</Page>
	);
}
