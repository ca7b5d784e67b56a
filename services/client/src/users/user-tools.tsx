import { Select } from "../parts/select";
import { useAddressFilter } from "../parts/use-address-filter";
import { useSettled } from "../parts/use-settled";
import { FLAGS, filterOf, SORTS, searchOf, type UserFilter } from "./filter";

const ACTIVE_TEXTS = { true: "Active", false: "Not active" };
const ADMIN_TEXTS = { true: "Admins", false: "Other users" };
const SORT_TEXTS = {
	id: "Oldest first",
	"-id": "Newest first",
	username: "Username, A to Z",
	"-username": "Username, Z to A",
	email: "Email, A to Z",
	"-email": "Email, Z to A",
};

/* Another filter or order begins at the first page again. */
export function useUserFilter(): [UserFilter, (change: Partial<UserFilter>) => void] {
	const [filter, change] = useAddressFilter(filterOf, searchOf);

	return [filter, (some) => change({ after: null, ...some })];
}

function Search({ text, onText }: { text: string; onText: (text: string) => void }) {
	const [typed, setTyped] = useSettled(text, onText);

	return (
		<input
			className="input user-search"
			type="search"
			name="search"
			maxLength={512}
			placeholder="Name or email"
			aria-label="Search by name or email"
			autoCapitalize="none"
			spellCheck={false}
			value={typed}
			onChange={(event) => setTyped(event.currentTarget.value)}
		/>
	);
}

/* What an admin's list shows, and the way to add a user. */
export function UserTools({ onAdd }: { onAdd: () => void }) {
	const [filter, change] = useUserFilter();

	return (
		<div className="page-tools">
			<Search text={filter.text} onText={(text) => change({ text })} />
			<div className="user-choices">
				<Select
					label="Activity"
					none="Active or not"
					value={filter.active}
					all={FLAGS}
					texts={ACTIVE_TEXTS}
					onChange={(active) => change({ active })}
				/>
				<Select
					label="Role"
					none="Admins and others"
					value={filter.admin}
					all={FLAGS}
					texts={ADMIN_TEXTS}
					onChange={(admin) => change({ admin })}
				/>
				<Select label="Order" value={filter.sort} all={SORTS} texts={SORT_TEXTS} onChange={(sort) => change({ sort: sort ?? "id" })} />
			</div>
			<button type="button" className="button is-primary" onClick={onAdd}>
				Add a user
			</button>
		</div>
	);
}
