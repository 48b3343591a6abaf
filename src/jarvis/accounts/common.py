"""Words that stand at the top of every guessing list, alone or with digits and signs around them.

Our own selection; compared after folding case, reading look-alikes (`p@ssw0rd`) as letters, and taking off what
stands around them. Words shorter than a password may be are here for their decorated forms (`love1234`).
"""

COMMON_WORDS = frozenset(
    """
    password passwort passwd pass passphrase passw password1 passwordpassword mypassword yourpassword newpassword
    oldpassword changeme changeit change letmein letmeinnow welcome welcomeback welcome1 login logon signin
    admin administrator adminadmin root rootroot toor superuser sysadmin system server test testtest tester testing
    guest user username default demo sample example temp temporary secret topsecret mysecret secretpassword private
    access accessdenied master mastermaster masterkey key keykey open opensesame sesame enter enternow start
    qwerty qwertyui qwertyuiop qwertyqwerty qwerty1 qwertz qwertzui qwertzuiop azerty azertyui azertyuiop asdf
    asdfasdf asdfgh asdfghjk asdfghjkl zxcv zxcvzxcv zxcvbn zxcvbnm qazwsx qazwsxedc qwaszx wsxedc zaqwsx zaqxsw
    qweasd qweasdzxc qweqwe qweqweqwe asdasd asdasdasd zxczxc zxczxczxc poiuytrewq lkjhgfdsa mnbvcxz dvorak colemak
    iloveyou iloveme ilovegod iloveu loveyou lovely lover loverboy lovers love loveme mylove truelove love4ever
    forever foreverlove always together friends friend bestfriend bestfriends family mother father mommy daddy
    brother sister baby babygirl babyboy angel angels princess prince queen king kingking sweetheart sweety sweetie
    honey darling sugar cookie cupcake candy chocolate cherry peach banana orange apple lemon strawberry pepper
    peanut butter cheese pizza coffee tea beer whiskey vodka tequila
    monkey dragon tiger lion eagle falcon hawk panther bear wolf fox rabbit bunny horse pony dolphin shark whale
    fish turtle snake spider scorpion chicken duck penguin elephant kitty kitten cat cats puppy dog dogs doggy
    butterfly ladybug phoenix unicorn dinosaur
    sunshine sunflower sunset sunrise moonlight moon star starlight stars rainbow summer winter spring autumn
    flower flowers rose lily jasmine daisy violet garden forest ocean river mountain island beach thunder lightning
    storm snow snowball snowflake ice fire water earth wind sky heaven paradise universe galaxy space planet
    football soccer baseball basketball hockey tennis golf golfer volleyball rugby cricket boxing karate swimming
    running cycling skateboard snowboard surfer champion champions winner winners victory legend player gamer games
    liverpool arsenal chelsea manchester barcelona realmadrid juventus bayern dortmund lakers yankees cowboys
    steelers packers eagles redsox patriots raiders broncos ferrari mercedes porsche bmw audi toyota honda yamaha
    harley corvette mustang camaro jaguar lamborghini
    superman batman spiderman ironman wonderwoman hulk thor avengers wolverine deadpool joker starwars skywalker
    darthvader yoda jedi startrek matrix trinity neo morpheus gandalf frodo hobbit hogwarts harrypotter potter
    hermione dumbledore voldemort pokemon pikachu charizard naruto sasuke dragonball goku mario luigi zelda sonic
    minecraft fortnite roblox warcraft starcraft diablo counterstrike callofduty halo nintendo playstation xbox
    michael michelle jessica jennifer ashley amanda daniel david andrew anthony joshua matthew robert william
    richard charles thomas christopher jonathan nicholas benjamin samantha elizabeth stephanie nicole melissa
    rebecca rachel victoria alexander alexandra alexandre alejandro alexis natalie patricia barbara margaret
    charlie jordan hunter taylor morgan austin dallas houston london paris berlin madrid moscow tokyo sydney
    america canada england germany deutschland france spain italy australia brazil mexico india china japan russia
    europa newyork california florida texas hollywood lasvegas
    freedom liberty peace hope faith trust truth wisdom power strong strength courage warrior soldier army navy
    marine military commando ranger sniper killer ninja samurai pirate pirates ghost shadow shadows phantom mystery
    magic magical wizard witch vampire zombie devil demon lucifer satan diablo666 god jesus jesuschrist christ
    christian church blessed blessing grace gospel prayer heavenly
    money cash dollar dollars millionaire billionaire rich richman gold golden silver diamond diamonds platinum
    bitcoin ethereum crypto cryptocurrency blockchain satoshi hodl tothemoon moonshot trader trading invest
    investor wallet kraken binance coinbase bybit okx jarvis exchange
    computer laptop internet google facebook twitter instagram youtube whatsapp telegram microsoft windows apple1
    iphone samsung android linux ubuntu debian oracle cisco database network hacker hacking hackme security secure
    password123 abc abcabc abcd abcdabcd abcdef abcdefg abcdefgh abcdefghi abcxyz xyzzy aaa aaaa nothing something
    anything everything whatever whoever nobody somebody anybody someone noone none null void unknown blank empty
    please thankyou thanks hello hellohello helloworld hello1 goodbye goodmorning goodnight welcomehome
    fuckyou fuckoff fuckme bitch asshole bullshit motherfucker sexy sex sexsex porn playboy naughty pussy
    correcthorsebatterystaple correcthorse batterystaple trustno trustnoone incorrect incorrectpassword donttell
    idontknow iforgot forgot forgotpassword remember rememberme nopassword mypass mypasswd ourpassword
    monday tuesday wednesday thursday friday saturday sunday january february march april june july august
    september october november december birthday christmas halloween easter holiday holidays vacation weekend
    school college university student teacher doctor nurse lawyer engineer manager business company office work
    working worker employee boss
    guitar piano drums music musical musician metallica nirvana beatles eminem tupac rockstar rocknroll hiphop
    dancing dancer singer melody
    blue red green yellow purple black white pink orange1 silver1 redred blueblue blackwhite
    one two three four five six seven eight nine ten onetwothree twenty hundred thousand million billion
    """.split()  # noqa: SIM905 - seven hundred words are read as a text
)
