//! What the demo market is made of: crafts, their vendors and goods, and people who buy. All of it invented.

/// A text in English and in German.
pub(super) type Both = (&'static str, &'static str);

/// One craft: a vendor's trade, and a category.
pub(super) struct Craft {
    /// The category's code.
    pub(super) category: &'static str,
    /// Vendors to choose from: name, city, country.
    pub(super) vendors: [(&'static str, &'static str, &'static str); 2],
    /// What is made, and what a plain one costs in minor units.
    pub(super) nouns: [(Both, u32); 6],
    /// What makes one special.
    pub(super) qualities: [Both; 6],
    /// Of what it is made.
    pub(super) materials: [Both; 2],
    /// What there is to choose: a name and values, the dearest last.
    pub(super) option: (&'static str, [&'static str; 3]),
    /// What sending one costs, in minor units.
    pub(super) shipping: u32,
}

const SIZES: (&str, [&str; 3]) = ("size", ["small", "medium", "large"]);

pub(super) const CRAFTS: [Craft; 12] = [
    Craft {
        category: "ceramics",
        vendors: [("Kiln & Clay", "Höhr-Grenzhausen", "DE"), ("Salt Glaze Studio", "Leiden", "NL")],
        nouns: [
            (("ceramic bowl", "Keramikschale"), 2_400),
            (("ceramic mug", "Keramikbecher"), 1_800),
            (("dinner plate", "Speiseteller"), 2_600),
            (("teapot", "Teekanne"), 5_800),
            (("butter dish", "Butterdose"), 3_200),
            (("pouring jug", "Krug"), 3_900),
        ],
        qualities: [
            ("Speckled", "gesprenkelt"),
            ("Midnight blue", "nachtblau"),
            ("Celadon", "seladongrün"),
            ("Matt white", "mattweiß"),
            ("Rustic", "rustikal"),
            ("Wheel-thrown", "frei gedreht"),
        ],
        materials: [("stoneware", "Steinzeug"), ("red earthenware", "roter Irdenware")],
        option: SIZES,
        shipping: 590,
    },
    Craft {
        category: "woodware",
        vendors: [("Spalted Oak", "Graz", "AT"), ("Boswerk", "Gent", "BE")],
        nouns: [
            (("cutting board", "Schneidebrett"), 4_200),
            (("salad bowl", "Salatschüssel"), 5_400),
            (("rolling pin", "Nudelholz"), 2_200),
            (("spoon set", "Löffelset"), 1_900),
            (("bread box", "Brotkasten"), 7_900),
            (("pepper mill", "Pfeffermühle"), 4_600),
        ],
        qualities: [
            ("Oiled", "geölt"),
            ("Hand-carved", "handgeschnitzt"),
            ("Live-edge", "mit Baumkante"),
            ("Smoked", "geräuchert"),
            ("Turned", "gedrechselt"),
            ("End-grain", "aus Hirnholz"),
        ],
        materials: [("walnut", "Nussbaum"), ("old oak", "alter Eiche")],
        option: SIZES,
        shipping: 490,
    },
    Craft {
        category: "textiles",
        vendors: [("Northern Loom", "Tampere", "FI"), ("Tecelagem Serra", "Covilhã", "PT")],
        nouns: [
            (("wool blanket", "Wolldecke"), 11_900),
            (("linen towel", "Leinentuch"), 1_600),
            (("cushion cover", "Kissenbezug"), 3_400),
            (("table runner", "Tischläufer"), 4_300),
            (("scarf", "Schal"), 5_500),
            (("apron", "Schürze"), 4_800),
        ],
        qualities: [
            ("Herringbone", "mit Fischgrat"),
            ("Striped", "gestreift"),
            ("Moss green", "moosgrün"),
            ("Undyed", "ungefärbt"),
            ("Indigo", "indigoblau"),
            ("Washed", "vorgewaschen"),
        ],
        materials: [("lambswool", "Lammwolle"), ("European flax", "europäischem Flachs")],
        option: ("colour", ["natural", "rust", "indigo"]),
        shipping: 450,
    },
    Craft {
        category: "candles",
        vendors: [("Quiet Flame", "Galway", "IE"), ("Bougies du Quai", "Nantes", "FR")],
        nouns: [
            (("pillar candle", "Stumpenkerze"), 1_400),
            (("dinner candles", "Tafelkerzen"), 1_200),
            (("candle in a jar", "Kerze im Glas"), 2_300),
            (("tea lights", "Teelichter"), 900),
            (("floating candles", "Schwimmkerzen"), 1_100),
            (("candle holder", "Kerzenhalter"), 2_700),
        ],
        qualities: [
            ("Beeswax", "aus Bienenwachs"),
            ("Cedar", "mit Zeder"),
            ("Unscented", "ohne Duft"),
            ("Orange blossom", "mit Orangenblüte"),
            ("Hand-dipped", "handgezogen"),
            ("Sea salt", "mit Meersalz"),
        ],
        materials: [("local beeswax", "heimischem Bienenwachs"), ("rapeseed wax", "Rapswachs")],
        option: SIZES,
        shipping: 390,
    },
    Craft {
        category: "soap",
        vendors: [("Saponaria", "Marseille", "FR"), ("Laurel & Lye", "Valencia", "ES")],
        nouns: [
            (("soap bar", "Seifenstück"), 750),
            (("shampoo bar", "Haarseife"), 950),
            (("shaving soap", "Rasierseife"), 1_250),
            (("bath salts", "Badesalz"), 1_400),
            (("hand balm", "Handbalsam"), 1_150),
            (("soap dish", "Seifenschale"), 1_600),
        ],
        qualities: [
            ("Lavender", "mit Lavendel"),
            ("Olive", "mit Olivenöl"),
            ("Charcoal", "mit Aktivkohle"),
            ("Rosemary", "mit Rosmarin"),
            ("Oat", "mit Hafer"),
            ("Citrus", "mit Zitrus"),
        ],
        materials: [("cold-pressed oils", "kaltgepressten Ölen"), ("laurel oil", "Lorbeeröl")],
        option: ("scent", ["plain", "herbal", "floral"]),
        shipping: 350,
    },
    Craft {
        category: "leather",
        vendors: [("Cuoio Vivo", "Firenze", "IT"), ("Saddle & Awl", "Toledo", "ES")],
        nouns: [
            (("satchel", "Umhängetasche"), 16_900),
            (("card wallet", "Kartenetui"), 3_900),
            (("belt", "Gürtel"), 5_900),
            (("key fob", "Schlüsselanhänger"), 1_500),
            (("notebook cover", "Notizbuchhülle"), 4_700),
            (("pencil case", "Federmappe"), 3_300),
        ],
        qualities: [
            ("Saddle-stitched", "sattlergenäht"),
            ("Cognac", "cognacfarben"),
            ("Black", "schwarz"),
            ("Waxed", "gewachst"),
            ("Slim", "schmal"),
            ("Weathered", "mit Patina"),
        ],
        materials: [
            ("vegetable-tanned leather", "pflanzlich gegerbtem Leder"),
            ("bridle leather", "Zaumleder"),
        ],
        option: ("colour", ["black", "chestnut", "cognac"]),
        shipping: 490,
    },
    Craft {
        category: "glass",
        vendors: [("Glashaus Nord", "Bremen", "DE"), ("Vetro Piccolo", "Murano", "IT")],
        nouns: [
            (("glass vase", "Glasvase"), 4_900),
            (("water carafe", "Wasserkaraffe"), 3_800),
            (("tumbler set", "Becherset"), 4_400),
            (("wine glass", "Weinglas"), 2_100),
            (("pendant lamp", "Hängelampe"), 13_500),
            (("paperweight", "Briefbeschwerer"), 2_900),
        ],
        qualities: [
            ("Mouth-blown", "mundgeblasen"),
            ("Amber", "bernsteinfarben"),
            ("Fluted", "gerippt"),
            ("Recycled", "aus Altglas"),
            ("Sea green", "meergrün"),
            ("Bubbled", "mit Luftblasen"),
        ],
        materials: [("soda glass", "Kalknatronglas"), ("recycled glass", "Altglas")],
        option: ("colour", ["clear", "smoke", "amber"]),
        shipping: 690,
    },
    Craft {
        category: "jewellery",
        vendors: [("Small Silver", "Antwerpen", "BE"), ("Filigrana Luz", "Porto", "PT")],
        nouns: [
            (("signet ring", "Siegelring"), 8_900),
            (("stud earrings", "Ohrstecker"), 4_200),
            (("pendant", "Anhänger"), 5_600),
            (("bangle", "Armreif"), 7_400),
            (("brooch", "Brosche"), 4_900),
            (("chain necklace", "Halskette"), 9_800),
        ],
        qualities: [
            ("Hammered", "gehämmert"),
            ("Oxidised", "geschwärzt"),
            ("Polished", "poliert"),
            ("Twisted", "gedreht"),
            ("Filigree", "filigran"),
            ("Pearl", "mit Perle"),
        ],
        materials: [("recycled silver", "recyceltem Silber"), ("gold-plated silver", "vergoldetem Silber")],
        option: ("metal", ["silver", "rose gold", "gold"]),
        shipping: 450,
    },
    Craft {
        category: "paper",
        vendors: [("Deckle Edge", "Utrecht", "NL"), ("Papiermühle Sieben", "Freiburg", "DE")],
        nouns: [
            (("notebook", "Notizbuch"), 1_700),
            (("letter set", "Briefset"), 1_500),
            (("art print", "Kunstdruck"), 2_800),
            (("wall calendar", "Wandkalender"), 2_200),
            (("gift wrap", "Geschenkpapier"), 800),
            (("photo album", "Fotoalbum"), 3_900),
        ],
        qualities: [
            ("Letterpress", "im Buchdruck"),
            ("Marbled", "marmoriert"),
            ("Dotted", "gepunktet"),
            ("Botanical", "botanisch"),
            ("Linen-bound", "leinengebunden"),
            ("Hand-sewn", "fadengeheftet"),
        ],
        materials: [("cotton paper", "Baumwollpapier"), ("recycled paper", "Recyclingpapier")],
        option: ("size", ["A6", "A5", "A4"]),
        shipping: 320,
    },
    Craft {
        category: "pantry",
        vendors: [("Heather & Hive", "Cork", "IE"), ("Alpenglück", "Innsbruck", "AT")],
        nouns: [
            (("honey", "Honig"), 890),
            (("apricot jam", "Marillenmarmelade"), 690),
            (("mustard", "Senf"), 540),
            (("herbal tea", "Kräutertee"), 780),
            (("chilli oil", "Chiliöl"), 1_050),
            (("plum chutney", "Pflaumenchutney"), 720),
        ],
        qualities: [
            ("Wild", "wild"),
            ("Smoky", "rauchig"),
            ("Small-batch", "in kleiner Charge"),
            ("Mountain", "aus den Bergen"),
            ("Spiced", "gewürzt"),
            ("Raw", "naturbelassen"),
        ],
        materials: [("the last harvest", "der letzten Ernte"), ("our own orchard", "eigenem Garten")],
        option: ("size", ["120 g", "250 g", "500 g"]),
        shipping: 450,
    },
    Craft {
        category: "baskets",
        vendors: [("Willow Lane", "Limerick", "IE"), ("Vimes Galegos", "Lugo", "ES")],
        nouns: [
            (("laundry basket", "Wäschekorb"), 6_900),
            (("bread basket", "Brotkorb"), 2_400),
            (("bicycle basket", "Fahrradkorb"), 5_400),
            (("plant basket", "Pflanzkorb"), 3_100),
            (("picnic basket", "Picknickkorb"), 8_400),
            (("log basket", "Holzkorb"), 7_700),
        ],
        qualities: [
            ("Woven", "geflochten"),
            ("Round", "rund"),
            ("Lidded", "mit Deckel"),
            ("Two-tone", "zweifarbig"),
            ("Sturdy", "stabil"),
            ("White", "weiß"),
        ],
        materials: [("peeled willow", "geschälter Weide"), ("chestnut strips", "Kastanienspan")],
        option: SIZES,
        shipping: 790,
    },
    Craft {
        category: "toys",
        vendors: [("Little Lathe", "Lahti", "FI"), ("Jouets du Jura", "Dole", "FR")],
        nouns: [
            (("building blocks", "Bauklötze"), 3_600),
            (("spinning top", "Kreisel"), 950),
            (("pull-along dog", "Nachziehhund"), 2_900),
            (("marble run", "Kugelbahn"), 6_800),
            (("puzzle", "Puzzle"), 2_300),
            (("rocking horse", "Schaukelpferd"), 14_900),
        ],
        qualities: [
            ("Rainbow", "in Regenbogenfarben"),
            ("Beech", "aus Buche"),
            ("Painted", "bemalt"),
            ("Classic", "klassisch"),
            ("Tiny", "winzig"),
            ("Woodland", "mit Waldtieren"),
        ],
        materials: [("beech wood", "Buchenholz"), ("maple wood", "Ahornholz")],
        option: ("colour", ["natural", "pastel", "rainbow"]),
        shipping: 490,
    },
];

/// How a description begins and ends.
pub(super) const OPENINGS: [Both; 4] = [
    ("Made by hand in", "Von Hand gemacht in"),
    ("Made to be used every day, in our workshop in", "Gemacht für jeden Tag, in unserer Werkstatt in"),
    ("One at a time, and never twice the same, from", "Stück für Stück und nie zweimal gleich, aus"),
    ("A small series from", "Eine kleine Serie aus"),
];
pub(super) const CLOSINGS: [Both; 4] = [
    ("It will outlive its box.", "Hält länger als sein Karton."),
    ("Ages well.", "Wird mit den Jahren schöner."),
    ("Repaired for free for as long as we exist.", "Wird kostenlos repariert, solange es uns gibt."),
    ("A good present, not least to yourself.", "Ein gutes Geschenk, auch an sich selbst."),
];

pub(super) const GIVEN_NAMES: [&str; 16] = [
    "Ada", "Bruno", "Clara", "Dario", "Elin", "Femke", "Gaspar", "Hanna", "Ivo", "Jonna", "Kees", "Lucia",
    "Milan", "Noor", "Otto", "Pia",
];
pub(super) const FAMILY_NAMES: [&str; 16] = [
    "Almeida", "Bakker", "Costa", "Dietrich", "Eriksson", "Fontaine", "Gruber", "Hakala", "Ibarra",
    "Janssen", "Korhonen", "Lefevre", "Moretti", "Novak", "Ortega", "Peeters",
];
pub(super) const STREETS: [&str; 8] = [
    "Market Lane",
    "Mill Road",
    "Harbour Street",
    "Linden Row",
    "Castle Hill",
    "River Walk",
    "Abbey Close",
    "Station Road",
];
/// Where shoppers live: country, city, postal code.
pub(super) const CITIES: [(&str, &str, &str); 10] = [
    ("AT", "Wien", "1010"),
    ("BE", "Brussel", "1000"),
    ("DE", "Berlin", "10115"),
    ("ES", "Madrid", "28001"),
    ("FI", "Helsinki", "00100"),
    ("FR", "Lyon", "69001"),
    ("IE", "Dublin", "D01"),
    ("IT", "Torino", "10121"),
    ("NL", "Amsterdam", "1011"),
    ("PT", "Lisboa", "1100"),
];
