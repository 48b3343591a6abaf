"""Names and plain words that people make passwords of: first and last names, teams, makes, animals, places, things.

Our own selection, beside `common.py`, which has what stands at the very top of guessing lists. A password that is one
or two of all these words, with digits, signs and little words around them, is refused.
"""

NAMES = frozenset(
    """
    aardvark aaron abandon abba abbott abigail able about above abrams absolute abstract accept accident account
    accra accurate acdc achilles across act action active activity actor actual acura adam add addicted address
    adelaide adidas adonis adrian adriana adult advance adventure advice aerosmith affair afraid africa after again
    agamemnon agassi age agency agenda agent agnes ago agree ahead ahmad ahmed aid aidan aiden aim air airborne
    airbus aircraft airplane airport ajax alabama aladdin alan alarm alaska albany albatross albert alberto album
    albuquerque alejandra alex alexa alexandria alfonso alfred algebra ali alice alicia alien alison alive all
    allahuakbar allen allergic alligator allison allow almeida almighty almost alone along alonso alpha alphabet
    alphabetical alpine also alternate alvarez alyssa amarillo amateur amaze amazing amazon amber ambition ambulance
    amelia amen amigo amigos amnesty amor amore amoremio amour amsterdam amy ana anaheim anakin anal analsex
    analysis anatomy anchor anchorage ancient anderson andre andrea andreas andreea andrei andres andromeda andy
    angela angelfish angelica angelina angelo anger angry animal anime anita ankara ankh ankle ann anna annapolis
    anne annette annie annoying another ant antelope antenna anthrax antoine anton antonia antonio antwerp anubis
    anxious any apache apart apartment ape aphrodite apollo apology apparent appeal appetite applause approval
    aquarius aragorn arcade arch archer arctic area arena ares argentina ariana ariel aries arizona arm armadillo
    armani armor armstrong around arrive arrogant arrow arschloch art artemis arthur artillery artist arturo arwen
    ash ashamed ashton ask asleep aspect aspirin ass assassin assembly asses asterix astrid astronaut astros asus
    atari athena athens athlete athletic atlanta atlantic atlantis atmosphere atom attack attempt attend attorney
    attract auckland auction audience audrey augusta aunt aurora austria authentic author auto autograph ava
    avalanche avalon avatar avenue average aviation aviator avocado avoid awake award away awesome awful axe babe
    babes baboon babycakes babylon bacchus bach bachelor back backbone backdoor background backpack backup bacon bad
    badass badboy badger badgirl bag bagel bahrain bailey bake baker bakery balance bali ball ballet balloon
    balloons ballsack baltimore bambi bamboo band bandit bang bangalore bangkok bank banker banquet bar barbecue
    barbie bare bargain bark barn barnes barney baron barrel barrier barry bart bartender base basement basic basket
    bass bastard bastion bat bath bathroom baton battalion battery battle battleship bauer bay bbw beacon bead bean
    beard beast beat beatrice beatriz beautiful beauty beaver beavis bebe becker beckham becky bed bedroom bee beef
    beefsteak beethoven before beggar begin beginner behavior behind belfast belgium belgrade believe bell bella
    belong below belt ben bench bender benefit benfica bengals bennett benny bentley beretta bergen bern bernard
    bernd berry best beth bethany better betty between beverly beware beyonce beyond bianca bianchi bible bicycle
    big bigass bigboobs bigboy bigcock bigdaddy bigdick bigdog biggie bigman bigred bigtits bike biker bikini bilbo
    bill billiard billy bimbo bingo biology bird birdie birmingham birth birthplace biscuit bismillah bison bisous
    bit bite bitter bizarre blackbird blackboard blackcat blackdog blackhawk blackhawks blackjack blackmetal
    blacksmith blade blake blanket blast blaze bless blessedbe blind blink blizzard block blonde blondie blood
    bloody blossom blossoms blow blowfish blowjob blowme blueberry bluebird bluemoon blueprint bluesky bluestar
    blume blur board boat bob bobby bobcat body bodyguard boeing bogota boil boise bold bologna bolt bomb bomber
    bond bondage bonds bone bonehead boner bones bonita bonjour bonjovi bonnie bonus boobies booboo boobs boogie
    book bookworm boom boomer boomerang boot boots booty bordeaux border boredom borg born boromir borrow borussia
    boston bottle bottleneck bottom boulevard bounce boundary bow bowie bowl bowling box boxer boy boyfriend brad
    bradford bradley brady brahms brain brake branch brand brandi brandon brandy brasil brass bratislava braun brave
    braveheart braves bravo bread break breakfast breast breasts breath breathe breeze bremen brenda brendan brent
    brett brewers brian brianna bribery brick bride bridge bridget briefcase bright brighton brilliant bring
    brisbane bristol britney brittany broad broadcast broadway brochure broken brook brooke brooklyn brooks
    brotherhood brown brownie browns bruce bruins bruno brush brussels brutus bryan bubba bubble bubbles buccaneer
    buccaneers bucharest buck buckaroo bucket buckeye buckeyes bud budapest buddha buddy budget budweiser buffalo
    buffy bug bugatti bugs bugsbunny buick build builder bulb bull bulldog bulldogs bullet bulletin bulls bump bunch
    bundle bungalow bunker buongiorno burger burglar burlington burn burst bus bush buster busty busy but butch
    butler butt buttfuck butthead butthole buttman button buy buzz buzzard cab cabbage cabin cabinet cable cactus
    cadillac caesar cafeteria cage cairo caitlin cake calculator calcutta caleb calendar calendars calgary call calm
    cambridge camel camelot cameltoe camera cameron camila camouflage camp campbell campfire can canadiens canary
    canberra cancel cancer candice candidate candle candyman cannibal cannon canon cantona canucks cap capable
    capacity cape capetown capital capitals capricorn captain car cara caracas caramel caravan card cardboard
    cardiff cardinal cardinals care career carefree carefully careless caribbean caribou carina carino carl carla
    carlos carlsberg carmen carnival carol carolina caroline carpenter carpet carrie carry cart carter cartman
    cartoon cartridge carve casablanca case casey casino casio casper cassandra cassie cast castle casual catch
    catdog caterpillar catfish cathedral catherine cathy cattle cauliflower cause caution cavalier cavaliers cavalry
    cave cecilia ceiling celebrity celine cell cello cellphone celtic celtics center central century ceremony
    certain cesar cessna chad chain chair chairman chalk challenge challenger chamber chameleon champ champagne
    chance chandelier chandler chanel changed changes channel chantal chaos chapter character charcoal charge
    charger chargers charisma charity charlene charleston charlotte charm charming chart chase chat cheap cheating
    check checkers cheddar cheek cheer cheerful cheerleader cheetah chef chemical chemist chemistry cherie cherokee
    cherries cheryl chess chest chester chevelle chevrolet chevy chewbacca chewie chicago chick chickens chief
    chiefs child childhood children chili chin chinchilla chip chipmunk chipper chips chiquita chloe chocolat choice
    choir choose chop chopin chopper chopsticks chord chouchou chris chrissy christa christchurch christina
    christine christoph chronic chronicle chronos chrysler chuck chucky ciao cicada cielo cigar cincinnati
    cinderella cindy cinnamon cioccolata circuit circular circus citizen citroen city civil claire clan clap clapton
    clara clarence clarinet clarity clark clash class classic classroom classy claudia claudio claw clay claymore
    clayton clean clear clement cleopatra cleveland clever click cliff climate climb climber clinic clippers clit
    clitoris clock close closet closure cloth cloud clover clown club clue clueless clumsy coach coal coalition
    coast coat cobain cobalt cobra cocacola cocaine cock cockroach cocksucker cocktail coconut cocoon code cody
    coffeecup coin coke cola cold coldplay coleman colgate colin collapse collar collect collector colleen collins
    cologne colombia colonel color colorado colt coltrane colts columbia columbus column comb combat comcast come
    comedy comet comfort comic command commander commerce commission commodore common communist companion
    companionship compaq compare compass complaint complete complex component composer compressor compromise
    computers concept concern concert concerto conclusion concord concorde concrete condition condor conductor
    confidential conflict confused congress connect connection connor conquest conrad conscious consent conspiracy
    constant construct consumer contact container contest context continent contract contrasena contrasenia contrast
    control convince cook cookbook cool coolcat cooldude coolest coolguy coolman cooper copenhagen copper copy coral
    corazon cord cordoba core corey corinne corinthians corn corner cornerstone corolla corona corporal corporate
    corps correct corridor corsa corsica cosmetic cosmic cosmos cost costa costly costume cosworth cotton couch
    coucou cougar cougars council counsel count countdown countess country county couple courier course court
    courtesy courtney cousin cover cow cowboy cowgirl coyote cozy crab crack cracker craft craig cranberry crane
    crash crawford crawl crazy crazybabe crazycat cream creampie creation creative creature credential credit creed
    crew crib crime crisp cristian cristiano cristina critical crocodile cross crossbow crossroads crow crowd crown
    cruel cruise cruiser crusader crush cruz cry crystal crystals cuba cube cubs cucumber cuddles cuddly cult
    cultural culture cum cumming cumshot cunning cunningham cunt cunts cup cupboard cupid cure curiosity curl
    currency current curry curse curtain curtis curve custom customer cut cute cutie cutiepie cyber cycle cyclone
    cyclops cynthia cypress cyprus dad daddysgirl daffodil daffy dagger daily dakar dakota dale dalek dallascowboys
    damascus damian damien damn dan dana dance danger dangerous daniela danielle danny dante daphne dare daring dark
    darkangel darkness darkside darkstar darlene darren darth darwin dash dashing data date daughter dave davidson
    davis dawn day daydream dayton dazzling dead deadhead deadline deadlock deadly deadman deal dean dear death
    deathnote debate debbie deborah debra debt decade decision decline decorate dedicated deep deepblue deepthroat
    deer defend defender definite deftones degree delhi delicious delight deliver delivery dell delta deluxe
    democracy democrat demolition den denali denis denise dennis dentist dentures denver deny departure depeche
    depechemode dependent deposit depth deputy derby derek derrick describe desert deserve design designer desiree
    desk desktop destination destiny destroyer detach detail detective detector detroit deuce deusefiel develop
    device devils devin devious devotion dexter dial dialogue diana diane diaz dice dick dickhead dictator diego
    diesel diet dietcoke dieter dig digital dignity dildo dilemma dingo dinner dinosaurs dionysus dior dip diploma
    direct direction director dirk dirt dirty disabled disaster disco discount discover discovery discreet disguise
    disgust dish dishwasher dismiss disney display dispute distance distant district dive diverse divine division
    dixon dizzy doctorwho document dodge dodger dodgers dodo doggie doll dolphins domain dominant dominatrix dominic
    dominican dominik dominique domino don donald donation done donkey donna dontknow doodle doom door doorbell
    dopey doris dorothy dot double doubt doudou doug dough doughnut douglas dove dover down downfall downtown dozen
    dracula drag dragonfire dragonfly dragons drain drama dramatic drastic draw drawbridge drawer drdre dream
    dreamer dreams dresden dress drift drill drink drive driver drop drowsy drpepper drug drum drummer drumstick
    drunk dry dublin dubois ducati duchess ducks dude dumbo duncan dungeon dungeons dunn duplicate dupont durable
    duracell durand durban dusseldorf dust dustin duty dwarf dwelling dylan dynamite each eager eagleeye ear earl
    early earn earnest earthquake eastside easy eat eatme eatpussy ebay ebony echo eclipse economy ecuador eddie
    edge edinburgh edison edition editor edmonton eduardo educate edward edwards edwin effect egg eggplant egypt
    eighteen eileen einstein elaine elastic elbow elder electric electro electron elegant element elements elena
    eleonora elevator eleven elf eli elias elijah eliminate elisa elise elite eliza ella ellen elliot ellis elpaso
    elrond else elvis elway embassy embrace emerald emergency emil emilia emilio emily emma emmanuel emotion emperor
    emperors emphasis empire emu enchanted encounter end endless endure enemies enemy energy enforcer engage engel
    engine engineering enhance enigma enigmatic enjoy enough enrique ensemble enterprise enthusiast entrance entry
    envelope envy epidemic episode epson equal equality equinox erect erection eric erica erich ericsson erik erika
    erin ermine ernesto erotic error escalate escape escort esmeralda esposito espresso essence essential essex
    estate esteban esteem esther estrella eternal eternity ethan ethical eugene eva evan evans evelyn even event
    eventually ever evergreen everlast everton everyday evidence evident evil evolution evolve exact exam examiner
    excalibur excellent exclusive execute executive exeter exhibit exile exit exodus exorcist exotic expand expect
    expensive experience expert exploit explore explorer explosion explosive export exposure express extension
    external extra extreme eye eyeball ezequiel fabian fabio fabric fabulous face facial facility fact factory
    faculty fade faggot fail fair fairground fairy fairytale faithful fake falcons fall fallen falling fame familia
    familie famous fan fancy fancyfree fantasy far fargo farm farmer farmhouse fashion fast fat fatal fatboy fate
    fatima fatty fault favorite favre fear fearless feast feather feature federal federer federico feed feel
    feelings feisty felicia felicidad felicidade felipe felix fellow female fence fender fernanda fernando ferreira
    ferrero festival fetish fever few feyenoord fiat ficken fiction field fierce fiery fifteen fifty fiftycent fight
    fighter figure fiji file fill film filter final finance find fine finger fingerprint finish finland fiona
    firearm fireball firebird firefly firefox fireman fireplace fireproof firewall fireworks firm first fischer
    fisher fisherman fishing fist fisting fit fitness fix fixture flag flame flamengo flames flamingo flash
    flashback flashlight flat flavor flawless flea fleet flesh fletcher flexible flight flipflop flipper float
    floating flood floor florence flores florian flounder flour flourish flow flowerpower floyd fluffy fluid flute
    fly flyers flying foam focus fog fold folk follow foobar food foofighters fool foolish foolproof foot for
    forbidden force ford forecast foreigner foreplay forgiven forgotten fork form formal former formula fort
    fortress fortune forward foster fosters foundation fountain fourteen fowl foxtrot foxy fraggle fragile fragment
    frame framework frances francesca francesco francis francisco francois frank frankenstein frankfurt franklin
    franz freak freaky freckles fred freddie freddy frederic free freebird freefall freelance freestyle freeze
    freezing freiheit french frequent fresh freshman fresno freunde freya friction friendly frisbee fritz frog
    frogger froggy frontier frost frosty frozen fruit fry fucker fuckface fucking fuckit fuckthis fuel fujitsu
    fulfil fulham full fun function fund funeral funky funny funtime fur furniture fury fusion fussball futbol
    futurama future fuzzy gabby gabriel gabriela gabriele gabriella gagging gaia gain galactica galadriel galahad
    galant galatasaray gale galleon gallery gallop galway gambit gamble game gamecube ganesh ganesha gang gangbang
    gangsta gangster gap garage garbage garcia gardner gareth garfield garlands garlic garrison gary gas gasoline
    gate gateway gathering gatito gators gauge gavin gay gazelle gdansk gear gecko geheim gem gemma gene general
    generation generator generous genesis geneva genius genoa gentle gentleman genuine geometry george georgetown
    georgia georgina gerald gerard gerardo gerbil gerhard geronimo gerrard ghetto ghostly giant giants gibbon
    gibraltar gibson gift gigantic giggles gilbert gillette gimli gina ginger ginseng giorgio giovanni giraffe girl
    girlfriend girls gisela giulia giuseppe give gizmo glacier glad gladiator glamour glasgow glass glendale glenn
    glimpse glitter global glock gloomy gloria glorious glow glue gnu goal goalie goat gobears goblin goblue
    godfather godzilla goforit goldberg goldeneye goldfish goldie goldmine goldsmith golfclub golfing gollum gomez
    gone gonzalez gonzalo goober good goodboy goodgirl goodlife goodluck goodness goodtime goofy goose gopher gordon
    gorgeous gorilla gorillaz gothic government grab graceful grade gradient graduate graham grain grammar granada
    grand grandma grandpa granite grant grape grapefruit graphics grass grasshopper grateful gratefuldead grave
    graveyard gravity gravy gray great greatest greatone greece greenbay greenday greensboro greenwich greg gregory
    grenada greta gretzky greyhound grief griffey griffin grill grip grizzlies grizzly grocery groovy ground group
    grouse grow grumpy gti guadalajara guapa guapo guarantee guard guardian guatemala gucci guerrilla guess guidance
    guide guido guild guillaume guillermo guilt guinevere guinness gull gum gun gunner gunners gunsnroses gunther
    gupta gustavo gut guy guyana gymnasium gymnast gymnastics gypsy habit haddock hades hair hairy haiti half
    halflife halifax hall hallelujah hallo ham hamburg hamilton hamlet hammer hammers hampton hamster hand handball
    handel handicap handle handsome hang hanna hannah hannibal hanoi hanover hans hansen hansolo happiness happy
    happyday harald hard hardcore hardon hardship hardware harlem harleydavidson harmless harmonica harmony harold
    harp harper harriet harris harrison harry hart hartford hartmann harvest harvey hase hasi haslo hassan hat hate
    havana have hawaii hawaiian hawkeye hawkins hawks hayes hazard head headache headhunter headlight headline heal
    health hear heart heartbeat heartbreak heartless hearts hearty heat heather heavy hector hedgehog heel heidi
    heineken heinz heir helen helena helene helga helicopter helios hell hellboy hellfire hellokitty helloween
    helmet help helpdesk helpful helpme helsinki hemisphere hen henderson hendrix henri henrik henry hentai hera
    herb herbert hercules herd here heritage herman hermes hermosa hernandez hero heroic hershey hesitate heslo
    hewlett hibiscus hicks hidden hide high highland highlander highlight highschool highway hiking hill hip hippie
    hippo hire hiroshima history hit hitchhiker hitler hitman hobbes hobbits hobby hoffman hoffmann hofmann hogan
    hokies hola hold hole holistic holland hollister holly holmes home homeland homeless homer homerun homework
    honduras honest honesty honeybee honeymoon hongkong honolulu honor hood hook hooker hooligan hooligans hooper
    hooters hop hopeful horizon horn horndog hornet hornets horny horoscope horrible horror horsepower horses horst
    hose hospital host hostile hosting hot hotass hotboy hotdog hotel hotgirl hotmail hotpussy hotrod hotsex
    hotstuff hottie hotties hour house household housewife howard hubert hudson huge hughes hugo hugs human humble
    hummer humor hund hungary hungry hunt hunting huntington hurricane hurricanes hurt huskers huskies hussain
    hustler hut hydra hydrogen hyena hypnotic hyundai ian ibanez ibex ibiza ibm ibrahim icarus iceberg icecream
    iceland iceman idea ideal identical identity idiot idol ignacio ignite igor iguana ikea illegal illness illusion
    image imagination imagine immense immortal impact impala imperfect imperial implant important impossible impulse
    inbound inch incident include income incubus index indian indiana indians indigo indonesia induce industry ines
    infant infantry inferno infinite infiniti infinity influence informer ingrid inherit initial injury ink inn
    inner innocent innovation innsbruck input insane insect inshallah inside inspire inspiron install instinct
    institute insurance integra integrity intel intense inter intercourse interest internal interpol interview
    intimate into intranet intrepid intrude invader invasion invent invisible invite ipswich iran iraq ireland irene
    irina iris irish irma iron ironmaiden isaac isabel isabella isabelle isis islamabad islanders ismael isolated
    israel istanbul isuzu italia italiano item ivan ivana ivanov iverson ivory ivy jack jackal jackass jacket
    jackhammer jackie jackoff jackpot jackrabbit jackson jacksonville jacob jacqueline jacuzzi jade jagger jaguars
    jail jaime jakarta jake jam jamaica jamal james jamie jan jana jane janet janice janine janitor janus japanese
    jar jared jasmin jason jasper javelin javier jaw jay jayden jayhawks jazz jealous jealousy jean jeanette jeanne
    jeep jeff jeffrey jello jelly jellybean jellyfish jelszo jenkins jenna jenny jensen jeopardy jeremiah jeremy
    jerkoff jerome jerry jersey jerusalem jesse jessie jester jesuscristo jet jetaime jeter jets jetta jewel jewelry
    jill jim jimmy joan joana joanna joao joaquin job jochen joe joel joerg jog johan johanna johannes johannesburg
    john johnny johnson join joke jokers jolly jon jonas jonathon jones jorge jose josef joseph josephine josh
    journal journey joy joyce joyful joystick juan juana juanita judge judith judy juergen juggler juice juicy julia
    julian juliana julie julien juliet julio julius jump jumper junction jungle junior jupiter jury just justice
    justin justine justme juvenile kabul kaitlyn kalashnikov kamikaze kangaroo kansas kanye kara karachi karen karim
    karin karina karl karla karma karolina kate katharina katherine kathleen kathmandu kathryn kathy katie katja
    katrin katze kawasaki kay kayla keen keep keeper keith kelley kellogg kelly kelsey kelvin ken kendra kennedy
    kenneth kennwort kenny kentucky kenya kermit kerosene kerry kerstin ketchup kettle kevin keyboard keynote
    keystone khan kick kickboxing kid kidnap kidney kiev killers killme kim kimberly kimchi kind kindness kingdom
    kings kingston kinky kirk kirsten kiss kisses kissme kit kitchen kite kitkat kittens kittycat kiwi klaus klein
    klingon knee knicker knickerbocker knicks knife knight knights knock knot knowledge knoxville knut koala kobe
    koch kodak kodiak kong konrad korea korn kraftwerk krakow krause krishna krista kristen kristin kristina kristy
    krueger kumar kurt kuwait kyle kyoto lab laboratory labrador lace lacrosse ladder ladies lady ladybird lagos
    lahore lake lamb lambo lamp lampard lancaster lance lancelot lancer lancia land landlord landmark lando
    landslide lane lange language lantern lap lapdance lara laredo large lark larry lars laser last late latex
    latina latinas latvia laugh laughter launch laundry laura lauren laurence laurent lavender law lawn lawnmower
    lawrence lawson layer lazio lazy lea lead leader leadership leadingedge leaf league leah leakage learn leather
    leave lebanon lebron lecter lee leeds lefebvre leg legacy legal legends legion lego legolas lehmann leia
    leicester leila leipzig leisure lemieux lemming lemonade lemur lena lend lennon leo leon leonard leonardo
    leopard leprechaun leroy lesbian lesbians leslie lespaul lesson lestat lethal letter level lever levis lewis
    lexington lexmark lexus liam liberal library libya license lick licker lickit lickme lie liebe liebling life
    lifelong lifestyle lifetime lift light lightbulb lights lightyear lilian lima lime limit limited limitless
    limousine limpbizkit lincoln linda lindo lindsay lindsey line link linkinpark lionel lions lip lipstick liquid
    lisa lisbon lissa list listen liszt lithuania little live lively liz liza lizard llama lloyd load loan lobby
    lobster loca local location lock locust lodge log logan logic logical logitech loki lola lollipop lollipops
    lollypop lone lonely long longevity longhorn longhorns look loop loose lopez lord lore lorena lorenzo loretta
    lori lorraine losenord loser loss lost lot lothar lotus loud louis louise louisiana louisville loulou lounge
    lourdes lovebug loveless loving low loyal lozinka lubov luc luca lucas lucia luciana luciano lucie luck lucky
    luckydog lucy luger luggage luis luisa luiz lukas luke lullaby lumberjack luna lunar lunch lung luxembourg
    luxury lydia lynn lynx lyon lyric macaw macedonia machine machinery macintosh mack mad madagascar maddie madeira
    madeleine madison madman madmax madness madonna maestro mafia magazine magda magdalena maggie magician magma
    magnet magnetic magnolia magnum magpie mahogany mai maid mail mailbox mailman main mainframe majesty major
    majorca majority makaveli make malaysia malcolm male malibu malik mall mallard mallorca malta mammoth man manage
    manatee mandalay mandarin mandate mandolin mandy manfred mango manhattan manhunter maniac manila mannequin
    mannheim manning manor mantle manual manuel manuela manunited manutd many map maple mara maradona marathon
    marble marc marcel marcela marcelo marcia marco marcos marcus margarita marge margherita margin maria mariah
    marian mariana marianne marie marijuana marilyn marina mariners marines marino marion mariposa marisa marissa
    marius mark market markus marlboro marlene marley marlins marmalade marriage mars marseille marshal marshall
    marshmallow marta martha martin martina martine martinez martini marvel marvin mary maryland marys maserati mask
    mason mass massage massive masterpiece masturbate mat match matchbox mate mateo material mathematics mathew
    mathias mathieu mathilde matt mattel matteo matter matthews matthias mature maureen maurice mauricio mauritius
    mausi maverick mavericks max maxim maxime maximilian maximum maxwell maya maybe mayor mazda maze mccartney
    mcdonald mclaren meal mean measure meat mecca mechanic mechanical medal medellin media medic medicine meditate
    medusa meet mega megabyte megadeth megaman megan megatron melancholy melanie melbourne melinda mellow melon melt
    meltdown melvin member membership memo memorial memories memory memphis men mendoza mental mention menu merchant
    mercury mercy meredith meridian merit merlin mermaid merry mesa mess messenger messi metal meteor meteora meter
    method mets meyer mia miami miata micaela micah michaela michal michele michigan mickey mickeymouse microphone
    microscope microwave midday middle middleman midget midnight midnightsun might mighty migrate miguel mikael mike
    mila milan milano mild mildred mile milena miles milestone milf milk milkshake mill miller mills milton
    milwaukee mimi mina mind mindy mine mineral minerva mini minimal minimum minister minnesota minnie minotaur
    minstrel mint minus minute miracle miracles mirage miranda mirko mirror mischief misery misfits missile
    missionary mississippi missouri missy mist mistake mister mistress mitchell mitsubishi mivida mix mixture moan
    mob mobile moby mode model modem moderate modern modest mohamed mohammed moises mole molecule molly molson
    molten mom moment monaco monalisa monarch monastery mondeo moneybag mongolia mongoose monica monika monique
    monitor monk monkeys mono monologue monopoly monster monsters montana monterey montevideo montreal monty
    monumental mood moonbeam moondog moonshine moore moose morales morality mordor more moreau morgana moriarty
    moritz morning morocco morris morrison mortgage moses mosquito moss most motdepasse moth motion motivate motor
    motorbike motorcycle motorola mount mountaindew mountains mouse mouth mouthpiece move movement movie mozart mud
    mufasa muffin mug muhammad mulan mule multimedia mumbai munchkin munich murder murphy murray muscle muse museum
    mushroom musica mustafa mustangs mute mutual mybaby myers mylife myriam myself myspace mysql mystic mystical
    mystique myth nadal nadia nadine nadja nail nairobi naked namaste name namesake nancy naomi nap naples napoli
    narcissus narrator narwhal nascar nashville nassau nasty natalia natasha nathalie nathan nathaniel national
    nature navigator nazgul ncc neat nebraska necessary neck need needle negative neglect neighbor neil nelson
    nemesis nemo nepal neptune nerve nest nestle net netherlands nets netscape neumann neutral neutron nevada never
    nevermind new newark newcastle newcomer newlife newman newport news newspaper newt newyorkyankees next nexus
    neymar nguyen nicaragua nice nicegirl nick nicky nico nicola nicolas nicoletta nicotine nifty nigel nigeria
    night nightfall nighthawk nightingale nightmare nihao nike nikita niklas nikola nikolai nikon nils nimrod nina
    niners nineteen nipple nipples nissan nitro noah nobility noble nocturnal noel noise nokia nominee noon nora
    norbert norfolk norma normal norman north northampton norway norwich nose nostalgia notable note notebook notice
    notion nottingham nova novel now nuclear nude nudist nugget nuggets nuisance number numberone nuremberg nut
    nutella nutmeg nylon nylons nymph nympho oak oakland oakley oasis oatmeal obedient obelix obey obiwan object
    objective obscure observer obsession obsidian obvious occasion occupy ocelot octavio octopus odd odessa odin
    oedipus off offensive offer offering officer offroad offspring ohio oil oilers okay oklahoma old older olga
    olive oliveira oliver olivia olivier olson olympus omaha omar omega once onion online only onlyme onyx opel
    opera operator opinion oppose opposite optimist optimus option oral orbit orbital orca orchestra orchid order
    ordinary oregon oreo organ organic organize orgasm orgy origami original orioles orion orlando ornament orpheus
    ortiz osaka oscar osiris oslo ostrich other ottawa otter otto out outback outbreak outcome outer outlaw outlaws
    outline output outrage outside outsider outstanding oval oven over overcome overflow overkill overlord overnight
    overtime owen owl own owner ownership oxen oxford oxygen oyster ozzy pablo pacers pacific pacifist pack package
    packard packardbell pad padme padres page paige pain painful paint paintball painter painting pair pakistan
    palace paladin pale palermo pallone palm palmeiras palmer palpatine pam pamela pamphlet pan panama panasonic
    panda pandora panic panorama pantera panthers panties pants panty panzer paola paolo paparazzi paper paperclip
    papillon papito parachute parade paradox paragraph paraguay parallel paramedic pardon park parker parliament
    parol parola parrot part partial partner partridge party pasadena pascal passcode passenger passion passive
    passport past paste pat patches patel patent path pathetic pathway patience patrice patrick patriotic patrol
    patterson patty paul paula paulina pauline paulo pause pavement pavilion paw pay payne pea peaceful peacemaker
    peaches peacock peak peanuts pearl pearljam pebbles pedro pegasus peggy pele pelican pen penalty pencil pendulum
    penelope penetration penguins penis pennsylvania penny pension pentagon penthouse pentium people pepsi perceive
    percent percival percussion pereira perez perfect performer perfume perkins perky permanent permit perpetual
    perrito perry perseus persist person persona personal perth peru perv pervert peshawar pet pete peter peterpan
    peters peterson petra petrov petunia peugeot phantasm pharmacy phase pheasant phenomenon phil philadelphia
    philip philipp philippe philippines philips phillies phillip phillips philosophy phish phoebe phone photo
    photography photon phrase physics pianoman picard picasso pick pickle picture pie piece pierce pierre pig pigeon
    piglet pilar pile pilgrim pill pillow pilot pin pinball pincode pine pineapple pinkfloyd pinky pinnacle
    pinocchio pinpoint pioneer pipe pipeline piranha pisces pistol pistols pistons pit pitbull pitch pittsburgh
    pixie place plain plan plane planes planning plant plastic plate platform plato platypus play playa players
    playful playground playmate pleasant pleasure pledge plenty plot plug plumber plumbing plus pluto plymouth
    pneumatic pocahontas pocket poem poetic poetry point poison poker poland polaroid pole police policeman polite
    politics polly polo pond pontiac poohbear pookie pool poop poopoo poor pop popcorn pope popeye popeyes poppy
    popsicle porcelain porch porcupine pork porkchop porno pornstar porpoise port portable portal porter portfolio
    portion portland porto portrait portsmouth portugal pose poseidon positive possible possum post postal postcard
    postgres postman pot potato potential potion pound pour powder powell powers practical prada prague pray
    preacher precious precise predator predators preface preferred prelude premier prepare presario presence present
    preserve president presley press prestige preston pretty prettygirl prevent price pride priest primary prime
    primitive princes princesa princeton print prinzessin priority priscilla prison prisoner privacy privet
    privilege prize probe problems procedure proceed process prodigy producer professor profile program programmer
    progress prohibit project prolong prometheus prominent promise promote proof proper property prophecy prophet
    proposal prospect prosperity protect protest prototype proud providence province provoke prudent psv psycho
    psychology pub pubic publisher puccini puertorico puffin pull pulse puma pump pumpkin pumpkins punch punish
    punisher punk punkrock puppies puppydog pure purpose purse pursuit push pussies pussycat put puzzle puzzled
    pyramid pythagoras python quail qualify quality quantity quantum quarrel quarterback quasar quattro quebec
    queens quentin querida quest question questions quick quicksand quicksilver quiet quiksilver quilt quirky quit
    quiz quota rabbits raccoon race racecar racer rachael racing rack racoon radar radiation radiator radical radio
    radiohead rado rafael raft rage ragnarok raid raider rail railroad rain raincoat raindrop rainer rainfall
    rainforest raise raleigh ralf rally ralph ram rambo ramirez rammstein ramon ramona ramones ramos ramp rams ranch
    rancid randall random randy range rangers rank rap rape raphael rapid raptor raptors rapunzel raquel rare rascal
    rash raspberry rasta rat rate rational rattlesnake raul raven ravens raw ray raymond razor razorbacks reach
    reaction read reading ready real realistic reality reap reaper rear reason rebeca rebel rebellion rebels rebuild
    recall receipt receive recipe reckless reckon record recorder recover recovery recruit rectangle reddog redhead
    redneck redrose reds redskins reduce redwings redwood reebok reed reef referee refined reflection reflex reform
    refresh refuge refugee regard reggae regina reginald region regional regret regular reindeer reinhard reject
    relative relax relay reliable relief religion remain remedy remind remington remote remove renate renato renault
    render rene renegade renew reno rent repair repeat replace reply report reporter reptile republic request
    require rescue research reset resident resign resist resistance resolve resource respect response responsible
    rest restaurant restless restore result retard retire retired retreat retrieve return reunion revenge revival
    revolt revolution reward reyes reynolds rhapsody rhino rhodes rhyme rhythm rib ricardo riccardo ricci rice
    richards richardson richmond richter rick ricky ride rider ridicule riga right rightnow rigid rihanna riley ring
    ringmaster ringo rio riot rip ripper rise risk rita ritual rival rivera riverdale riverside road roadrunner
    roast rob robbie robby roberta roberto roberts robertson robin robinson robocop robot robotech robust rocco
    rochester rock rocker rocket rockets rockies rockin rocks rockwell rocky rod rodney rodrigo rodrigues rodriguez
    roger rogers roland role rolex rolf roll rollercoaster rolls roma roman romance romania romano romantic rome
    romeo romulan romulus ron ronald ronaldinho ronaldo ronnie roof room roommate rooney rooster roosters rope rosa
    rosario rosebud rosemary rosie ross rossi rotate rotterdam rottweiler rough roulette round route router row
    rowboat roxana roxanne roxette roy royal royals royalty rubber ruben ruby rude rudolf rudy rug ruin ruined rule
    run runaway runner rupert rural rush russell rust ruth ruthless ryan saab sabbath sabine sabotage sabres sabrina
    sack sacramento sacred sacrifice sad saddle safe sail sailboat sailing sailor saint saints sakura salad
    salamander salasana sale salem salisbury sally salmon salsa salt salvador salvation salvatore salzburg sam same
    sammy samoa sampras samson samuel samwise sanchez sanctuary sand sanders sandiego sandman sandra sandstorm
    sandwich sandy sanfrancisco santa santafe santana santiago santos sanyo saopaulo sapphire sara sarah sarajevo
    sardine sardinia saruman sasha saskatoon sassy satellite satisfy saturn sauce saudade sauron sausage savage
    savannah save saw saxophone say scale scan scandal scar scarce scare scarecrow scarface scarlet scarlett scary
    scavenger scenario scene scent schalke schatz schatzi schedule scheme schmetterling schmidt schneider scholar
    schroeder schubert schulz schumacher schwarz science scientist scirocco scissors scooby scoobydoo scooter scope
    score scorpio scorpions scotland scott scoundrel scout scranton scrappy scream screamer screen screw sculpture
    sea seagull seahawks seal sean search seashell seashore season seasonal seat seattle sebastian sebring secluded
    second see seed seek sega segment seldom selena selfish selina sell seminole seminoles semperfi senator senators
    send senha senior senna sensation sense sentinel sentry seoul sequence serbia serena serenity serge sergeant
    sergei sergio series service services set seth seventeen severe seville sexual sexyboy sexygirl shade shaggy
    shake shakespeare shakira shallow shalom shameless shamrock shane shanghai shannon shape shaq share shareholder
    sharks sharma sharon sharp shaun shave shaved shaw shawn sheep sheffield sheila shelby shell shelly shelter
    shemale shepherd sheriff sherlock sherman sherry shield shift shine shinobi shiny ship shipwreck shire shirley
    shirt shit shithead shiva shiver shock shoe shoelace shoot shooter shooting shop shopping shore short shorty
    shot shotgun shoulder shout show shower showtime shrek shreveport shut shy siberia sicily sick sickness side
    sidekick sidewalk sidney siemens sierra sifre sight sign signature silence silent silhouette silicon silk silke
    silly silva silverado silverfish silvia simba simmons simon simona simone simplicity simpson simpsons sinatra
    sincere sing singapore singh single sinister sink sir sirena sit site sith sithlord sixers sixteen size skate
    skateboarding skater skeleton skeptic skill skin skinny skip skipper skippy skittles skoda skull skydive
    skydiver skyler skyline skype slacker slam slap slapshot slaughter slave slavery slayer sleep sleepy slice slick
    slide slim slimshady slingshot slip slipknot slot sloth slovakia slow slug sluggo slut sluts sly small smart
    smaug smell smile smiles smiley smirnoff smirnov smith smoke smokes smokey smooth smuggler smut snail snap
    snapper snatch sneak sneakers sneaky snickers sniff snoop snoopdog snoopdogg snoopy snowboarder snowman
    snowstorm snyder soap sober sobriety socialist society sock socrates soda sofa sofia sofie soft softball
    software soil sol solar sole soleil solemn solid solitude solnce solo solution somalia sombrero some somewhere
    sommer son song songbird sonia sonja sonne sonnenschein sony soon sooners sophia sophie soprano sorcerer sore
    sorrow sort soul soulmate soulmates sound soundgarden soup sour source south southampton southern southpark
    southside souvenir souza spa spaceman spaceship spacious span spank spanking spankme spanky spare spark sparkle
    sparky sparrow spartacus spartan spartans speak spears special species specific spectacle spectrum speed
    speedway speedy spell spelling spencer spend sperm spice spicy spike spill spin spinach spiral spirit spit
    spitfire splash splendid split spock spokane spoke spongebob sponsor spooky spoon sport sporting sports spot
    spotlight spouse spray spread springer springfield springsteen springtime sprite spurs spy squadron square squid
    squirrel squirt stable stacey stack stacy stadium staff stage stagecoach stain stainless stair stairway stallion
    stamina stamp stan stand standard stanford stanley starbucks stardom stardust starfire starfish stargate
    starship starter starvation state station statue status stay steady steak steal stealth steam steamboat steel
    steelman steep stefan stefanie stefano stella stellina stem step stephan stephane stephen stephens stereo
    sterile sterling steve steven stevens stewart stick still stimulus sting stingray stinky stock stockholm
    stockings stocks stomach stone stoner stones stonewall stop storage store stork stormtrooper stormy story stove
    straight strange stranger strategic strategy stratocaster straw strawberries stream street streetcar stress
    strict strike striker striking string strip stripper stronghold structure struggle stuart stubborn stuck stud
    studio studly study stuff stuntman stupid stuttgart style subaru sublime submarine submit subtle subway succeed
    success such suck sucker sucking suckit suckme sudan sudden sue suffer sufficient suffolk suggest suicide suit
    suitable sullivan sultan summary sun sunburn sundance sundown sunken sunny suns super superhero supernatural
    supernova supersonic supersonics superstar supervisor supply support suppose supra supreme sure surf surface
    surfboard surfing surge surgeon surprise surrender surrey surround survey surveyor survivor susan susana susanne
    susie suspect suspend sustain suzanne suzuki sven svetlana swallow swamp swan swansea swap swatch swear sweat
    sweatshirt sweden sweep sweet sweetest sweetness sweetpea sweets swell swift swim swimmer swimsuit swing swinger
    switch switzerland swollen sword swordfish sylvia sylvie symbol symphony symptom syndicate synthetic syracuse
    syria tabasco tabitha table tacobell tacoma tactical tahiti tail taiwan take tale talisman talk tall tallinn
    tamara tammy tampa tangerine tango tania tanja tank tanya tap tape tapir tara tarantino tardis target tarheels
    tarzan tasha tasmania taste tatiana tatooine tattoo taurus tax taxi teach team teamo tear tease tech technician
    technology ted teddy teddybear teen teenager teens tehran tekken telecom telephone telescope tell telnet temple
    temptation tenacious tender tennessee tension tent tequiero terence teresa teri term terminal terminator termite
    terrible territory terror terrorist terry tesla tesoro tessa testicle texans text texture thailand thankful that
    thea theater theatre thebeast thebest theboss thedoors thegame thegreat theking theman themaster theme then
    theodor theodore theone therapist there theresa therese therock theseus thesims thick thief thierry thin thing
    think thinking third thirsty thirteen this thompson thong thongs thorn thorough thorsten thousands thread threat
    threesome threshold thrive throat throw thuglife thumb thumper thunderbird thunderstorm tiamo tick ticket
    tidalwave tide tie tiffany tigercat tigers tigger tight tijuana tile till tilt tim timber time timex timo
    timothy tin tina tinker tinkerbell tintin tiny tip tire tired titan titanic titans title titleist tits titties
    titty toad toast tobias toby today todd toe toffee token tokiohotel toledo tolerate tom tomahawk tomas tomato
    tombstone tomcat tommy tomorrow tone tongue toni tonight tony tool tooth toothpaste tootsie top topeka topgear
    topgun topless torch tornado tornadoes toronto torres toshiba total toto tottenham toucan touch touchdown tough
    toulouse tour tourist tournament towel tower town toxic toy trace tracey track tractor tracy trade traditional
    traffic tragedy trail trailblazers train training tramp trampoline transam transfer transform transit translate
    transparent transport trap trash travel traveler traveller tray treasure treasures tree treefrog trees tremble
    trend trenton trespass trevor trial triangle tribe tribute tricia trick trickster tricky trieste trilogy
    trinidad trip tripoli tristan triumph trojan trojans troll trombone troop trooper tropical trouble troubles
    trousers trout troy truck trucker trucks true trumpet trunk trustme try tsunami tub tube tucker tucson tulip
    tulsa tumble tuna tune tunisia tunnel turbine turbo turin turkey turn turner turquoise tutor twat tweety twelve
    twice twilight twin twins twist twisted twister tyler type typewriter typical tyrant tyrone tyson udo uganda
    ugly ukraine ulrich ulrike ultimate ulysses umbrella umbrellas umpire uncanny uncertain uncle undefined under
    undercover underground understand undertaker undertow unfair unforgettable unforgiven uniform unify union unique
    unit united universal unlikely unlimited unlock until unusual upgrade upper upright uproar upskirt upyours
    uranium urban urgent ursula uruguay usa use useful usher usmarine usual utah ute utility utmost uwe vacuum vader
    vagabond vagina vague valencia valentin valentina valentine valentino valeria valerie valhalla valid validate
    valley valuable value valve vampires van vancouver vanessa vanguard vanhalen vanilla vanish variety vast vatican
    vault vauxhall vector vectra vegas vegeta vegetable velocity velvet vendetta venezuela vengeance venice venom
    venomous venture venus vera verbatim verdi verdict verify verizon vermont vernon verona veronica veronika verse
    version vertical very vespa vessel vest veteran veto vette viable viagra vibration vibrator vicente vicenza
    vicious vicky victim victor video vienna vietnam view vigilante viking vikings villa village villager villain
    vilnius vincent vincenzo vine vineyard viola violator violence violeta violin violinist viper virgin virginia
    virgo virtual virtue virus visa vishnu vision visit visitor vital vitamin vivaldi vivian viviana vivid vixen
    vladimir vocal vodafone voice volcano volker volkswagen volley volume volunteer volunteers volvo voodoo vote
    voyage voyager voyeur vulcan vulnerable vulture wachtwoord wacky wage wagner wagon wait wake wales walk walker
    wall wallace wallpaper walmart walnut walrus walter wanda wanderer wank wanker wanking want wanted war ward
    warehouse warfare warhammer warhead warlock warm warning warp warrant warren warriors warsaw warthog wash
    washington wasp waste watch watcher waterfall waterfront waterloo watermelon waterpolo waters watkins watson
    wave wax way wayfarer wayne weak wealth wealthy weapon weapons wear weasel weather weaver web webb webcam weber
    webmaster website webster wedding weed week weezer weight weird welfare well wellington wells wendy werewolf
    werner wesley west western westham westside westwood wet wetpussy wheat wheel wheeler wheels when where
    whereabouts whip whirlpool whiskers whisky whisper whistle whiteboy whitesox whitney who whole whore wichita
    wicked wide widescreen widget wife wifi wild wildcat wildcats wilderness wildfire wildman wilhelm will willi
    williams williamson willie willing willis willow willy wilson win winchester windmill windmills window
    windshield windsor windsurf wing winnipeg winston winterland wire wireless wisconsin wise wish witchcraft with
    witty wizards woaini wolfgang wolfpack wolverines wolves woman wombat women wonder wonderful wonderland wonders
    wong wood woodland woodpecker woods woody worcester word workshop world worldwide worm worry worse worship worth
    worthless worthy wound wrap wreck wrestler wrestling wright wrinkles wrist wristwatch write wrong wyoming xavier
    xfiles xmen xrated xxx xylophone yahoo yak yankee yannick yard yarn yasmin yeah year yearbook yeast yellowstone
    yemen yes yesterday yet yield yoga yokohama yolanda york yorkshire youandme young youngster your yourmom youth
    yummy yvette yvonne zachary zagreb zambia zany zealot zealous zebra zenith zephyr zeppelin zeppelins zero zeus
    zidane zigzag zimbabwe zimmermann zion zippo zodiac zoe zoey zombies zone zoo zookeeper zoom zorro zurich
    """.split()  # noqa: SIM905 - so many words are read as a text
)
