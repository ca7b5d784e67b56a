-- What a user name looks like: without regard to case, and with one character for all that look alike (scripts/confusables made the two strings).
-- Two names of one skeleton are one name to a reader.
CREATE FUNCTION users_lookalikes(name text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT translate(name,
        'l1|0×ıƄƍƖƦƧƷƼƽǀǃȜȢȣɁɑɡɣɩɪɯʋʏʔʹʺʻʼʽʾ˂˃˄ˆˈˊˋː˗ˮ˴˶˸ͿΑΒΕΖΗΙΚΜΝΟΡΤΥΧαγινορσυϜϨϳϺЅІЈАВЕЗКМНОРСТУХЬабгеорсухѕіјѡѴѵҮүһҽӀӏӠԁԌԛԜԝՍՏՕ՚՝ագզհոռսցքօ։׀׃וטיןסײ׳״؍اه٠١٥٧٪٫٭ھہ۔ە۰۱۵۷܁܂܃܄߀ߊߴߵߺः०ॽ০৪৭੦੧੪ઃ૦ଃଠ୦୨௦ం౦ಂ೦ംഠ൦൭ං๐໐ဝ၀ყჿሀዐᎠᎡᎢᎥᎩᎪᎫᎬᎮᎳᎷᎻᎽᏀᏂᏃᏎᏏᏒᏔᏕᏙᏚᏞᏟᏢᏦᏧᏮᏳᏴ᐀ᐯᐳᐸᑊᑌᑭᑯᑲᒍᒪᒿᕁᕼᕽᖇᖯᖴᗅᗞᗪᗰᗷ᙭᙮ᚲᚷᛁᛌᛕᛖ᛬᛭᜵᠃᠉᳓ᴄᴏᴑᴜᴠᴡᴢᴦᶃᶌẝỿ‐‒–‘’‚‛“”‟′‵‹›⁁⁃⁄⁎⁒⁓⁚℮−∕∖∗∣∨∪∶∼⊤⋁⋃⋿⍳⍴⍺⏽╱╳❨❩❮❯❲❳❴❵➕➖⟋⟍⟙⤫⤬⧵⧸⧹⨯ⲅⲎⲒⲔⲘⲚⲞⲟⲢⲣⲤⲥⲦⲨⲬⲺⳆⳊⳌⳐⳒⴸⴹⵏⵑⵔⵕⵝ⹀〃〇〔〕〳゠ノ㇓㇔丶丿ꓐꓑꓒꓓꓔꓖꓗꓙꓚꓜꓝꓟꓠꓡꓢꓣꓦꓧꓪꓫꓬꓮꓰꓲꓳꓴꓸꓹꓽ꓿꘎ꙄꙇꛟꛫꛯꜱꝚꝪꝮꝸ꞉ꞌꞘꞙꞟꞫꞲꞳꞴꬲꬵꬽꭇꭈꭎꭒꭚꭵꮁꮃꮓꮩꮪꮯ﴾﴿𐊂𐊆𐊇𐊊𐊐𐊒𐊕𐊖𐊗𐊛𐊠𐊡𐊢𐊥𐊫𐊰𐊱𐊲𐊴𐋏𐋵𐌁𐌂𐌉𐌑𐌕𐌗𐌚𐌟𐌠𐌢𐐄𐐕𐐛𐐠𐐬𐐽𐑈𐒴𐓂𐓎𐓒𐓪𐓶𐔓𐔖𐔘𐔜𐔝𐔥𐔦𐔧𐩐𑓐𑜀𑜆𑜊𑜎𑜏𑢠𑢢𑢣𑢤𑢦𑢩𑢬𑢮𑢯𑢲𑢵𑢸𑢻𑢼𑣀𑣁𑣂𑣃𑣄𑣆𑣈𑣊𑣌𑣕𑣖𑣗𑣘𑣜𑣠𑣣𑣥𑣦𑣩𑣬𑣯𑣲𖼈𖼊𖼖𖼨𖼵𖼺𖼻𖼿𖽀𖽂𖽃𖽑𖽒𝄔𝅭𝈆𝈍𝈏𝈒𝈓𝈖𝈪𝈶𝈷𝈺𝈻𞣇𞣋🝌🝨',
        'iiioxibgir235si!388?agyiiwuy?''"''''''''<>^^'''''':-"''":jabezhikmnoptyxayivopouf2jmsijabe3kmhopctyxba6reopcyxsijwvvyyheii3dgqwwuso''''wqqhnnugfo:i:iv''io"''",io.iov%,*oo-o.iov..::oi''''_:o?o89o98:o8oo9oooooooo9oooooyouodrtiyaje?wmhyghz4brwsvsicpkd6gb=v><''updbji2xhxrbfaddmbxx<xi''km:+/::"coouvwzrgyfy---'''',''"""''''<>/-/*%~:e-/\*ivu:~tvueipai/x()<>(){}+-/\txx\/\xrhikmnooppcctyx-/93i6vei!oqx="o()/=//\\/bpddtgkjczfmnisrvhwxyaeiou.,:=.2iv?2s239&:''ffu3jxbeforruuyirwzvsc()befixopst+abcfomtyxhzbcimtx8*ixocisocsrou7ounokcvfix.omvwwwvfiyez9e4iou5tvsfiz7o3969ouyomzwcxwcvtiirs3>auy''''{.3v\7fri<>/\i8ct')
$$;
-- What can not be seen is left out, and white space of any length counts once. No entry of an index may be longer than about 2,700 bytes.
CREATE FUNCTION users_skeleton(name text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT left(regexp_replace(regexp_replace(users_lookalikes(lower(users_lookalikes(normalize(name, NFKD)))),
        '[\u00AD\u034F\u061C\u115F\u1160\u17B4\u17B5\u180B-\u180F\u200B-\u200F\u202A-\u202E\u2060-\u206F\u3164\uFE00-\uFE0F\uFEFF\uFFA0\U000E0000-\U000E0FFF]', '', 'g'),
        '[\u0009-\u000D\u0020\u0085\u1680\u2028\u2029\u2800]+', ' ', 'g'), 600)
$$;

-- NULL: the user was there before this rule, and another one who was there first has the skeleton. Such users keep their names.
ALTER TABLE users ADD COLUMN skeleton text;
UPDATE users SET skeleton = first.skeleton
    FROM (SELECT DISTINCT ON (skeleton) id, skeleton FROM (SELECT id, users_skeleton(username) AS skeleton FROM users) named ORDER BY skeleton, id) first
    WHERE users.id = first.id;
CREATE UNIQUE INDEX users_skeleton_key ON users (skeleton);

CREATE INDEX users_admins ON users (id) WHERE admin AND active;
-- The costs of bcrypt that are left from the legacy system.
CREATE INDEX users_legacy_hashes ON users (substr(password_hash, 5, 2)) WHERE password_hash LIKE '$2_$%';
