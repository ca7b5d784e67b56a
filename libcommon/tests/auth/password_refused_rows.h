/* The table of test_password.c: stored hashes that this system did not make. */
#ifndef ABACUS_PASSWORD_REFUSED_ROWS_H
#define ABACUS_PASSWORD_REFUSED_ROWS_H

#define SALT "c29tZXNhbHRzb21lc2FsdA"
#define TAG "CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"

static const struct refused {
	const char *name, *phc;
} refused[] = {
	{"a hash that is empty is refused", ""},
	{"a hash that is a dollar is refused", "$"},
	{"a hash that is a password is refused", "correct horse"},
	{"a hash of another scheme is refused", "$1$salt$qJH7.N4xYta3aEG/dfqo/0"},
	{"a hash of SHA-512 is refused", "$6$salt$IxDD3jeSOb5eB1CX5LBsqZFVkJdido3OUILO5Ifz5iwMuTS4XMS130MTSuDDl3aCI6WouIL9Aj"
					 "RbLCelDCy.g."},
	{"Argon2i is refused", "$argon2i$v=19$m=64,t=1,p=1$" SALT "$" TAG},
	{"Argon2d is refused", "$argon2d$v=19$m=64,t=1,p=1$" SALT "$" TAG},
	{"another version is refused", "$argon2id$v=16$m=64,t=1,p=1$" SALT "$" TAG},
	{"no version is refused", "$argon2id$m=64,t=1,p=1$" SALT "$" TAG},
	{"the name alone is refused", "$argon2id$"},
	{"no salt and no tag is refused", "$argon2id$v=19$m=64,t=1,p=1$"},
	{"no tag is refused", "$argon2id$v=19$m=64,t=1,p=1$" SALT},
	{"an empty tag is refused", "$argon2id$v=19$m=64,t=1,p=1$" SALT "$"},
	{"an empty salt is refused", "$argon2id$v=19$m=64,t=1,p=1$$" TAG},
	{"a short salt is refused", "$argon2id$v=19$m=64,t=1,p=1$c2E$" TAG},
	{"a salt that is no base64 is refused", "$argon2id$v=19$m=64,t=1,p=1$!!!!!!!!!!!!$" TAG},
	{"padding is refused", "$argon2id$v=19$m=64,t=1,p=1$" SALT "==$" TAG "="},
	{"more behind the tag is refused", "$argon2id$v=19$m=64,t=1,p=1$" SALT "$" TAG "$"},
	{"parameters in another order are refused", "$argon2id$v=19$t=1,m=64,p=1$" SALT "$" TAG},
	{"parameters that are words are refused", "$argon2id$v=19$m=a,t=b,p=c$" SALT "$" TAG},
	{"4 GiB of memory are refused", "$argon2id$v=19$m=4194304,t=1,p=1$" SALT "$" TAG},
	{"a KiB over the limit is refused", "$argon2id$v=19$m=1048577,t=1,p=1$" SALT "$" TAG},
	{"memory of 32 bits is refused", "$argon2id$v=19$m=4294967295,t=1,p=1$" SALT "$" TAG},
	{"memory beyond 64 bits is refused", "$argon2id$v=19$m=18446744073709551680,t=1,p=1$" SALT "$" TAG},
	{"negative memory is refused", "$argon2id$v=19$m=-64,t=1,p=1$" SALT "$" TAG},
	{"a blank before the memory is refused", "$argon2id$v=19$m= 64,t=1,p=1$" SALT "$" TAG},
	{"no memory is refused", "$argon2id$v=19$m=0,t=1,p=1$" SALT "$" TAG},
	{"4 billion passes are refused", "$argon2id$v=19$m=64,t=4294967295,p=1$" SALT "$" TAG},
	{"a pass over the limit is refused", "$argon2id$v=19$m=64,t=65,p=1$" SALT "$" TAG},
	{"no pass is refused", "$argon2id$v=19$m=64,t=0,p=1$" SALT "$" TAG},
	{"16 million lanes are refused", "$argon2id$v=19$m=1048576,t=1,p=16777215$" SALT "$" TAG},
	{"17 lanes are refused", "$argon2id$v=19$m=1024,t=1,p=17$" SALT "$" TAG},
	{"no lane is refused", "$argon2id$v=19$m=64,t=1,p=0$" SALT "$" TAG},
	{"bcrypt's name alone is refused", "$2b$"},
	{"bcrypt without a salt is refused", "$2b$05$"},
	{"bcrypt's setting without its hash is refused", "$2b$05$CCCCCCCCCCCCCCCCCCCCC."},
	{"bcrypt cut by one is refused", "$2b$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOe"},
	{"bcrypt longer by one is refused", "$2b$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeWW"},
	{"bcrypt of a letter that never was is refused", "$2q$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"},
	{"bcrypt of cost 31 is refused", "$2b$31$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"},
	{"bcrypt of cost 17 is refused", "$2b$17$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"},
	{"bcrypt of cost 3 is refused", "$2b$03$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"},
	{"bcrypt of a negative cost is refused", "$2b$-5$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"},
	{"crypt's own sign of failure is refused", "*0"},
};

#endif
