"""Why stages refused something or had nothing to do, as records have it in English: a part of the
sentences that pages show in the reader's language."""

from __future__ import annotations

from lineal_console.messages import N_

STAGE_REJECTIONS = (
    N_("no key signs packages here ([stages.deploy] key_file)"),
    N_("there is nothing in the article that can be spoken"),
    N_(
        "the article has %(number)s paragraphs, more than max_paragraphs = %(most)s of "
        "[stages.articles]"
    ),
    N_("at least %(number)s labelled visits, of robots and of people, are needed to learn from"),
    N_("no visits are held out to set the threshold on"),
    N_("there are no test visits of both kinds to evaluate on"),
    N_("the model was trained with other features: learn it again"),
    N_(
        "the model of intents needs what made its vectors, %(name)s: `pip install "
        "'lineal[meaning]'`, or learn it with `engine = \"classical\"`"
    ),
    N_("the file is no model of intents"),
    N_("examples of at least two intents are needed to learn from"),
    N_("there are no test examples to evaluate on"),
    N_("the model %(name)s %(version)s is not fit for use"),
    N_("the model in use cannot score these readings"),
    N_("reading the image takes too long"),
    N_("it is no image that can be read: %(error)s"),
    N_("the image has too many pixels"),
    N_("the image has %(width)s x %(height)s pixels; at most %(most)s"),
    N_("vectors need `pip install 'lineal[documents]'` (%(error)s)"),
    N_("nobody has corrected a field yet: `lineal field correct` does"),
    N_("there are no corrected fields to evaluate on"),
    N_("no resource of the record has a code that the columns name"),
    N_("the definition has no [columns.NAME]: name what is read of the records"),
    N_("the definition is no TOML: %(error)s"),
    N_("the columns cannot be used: %(error)s"),
    N_("the record is no FHIR, a resource a line"),
    N_("a request for a match names a text or a document, and not both"),
    N_("there is no such document, or nothing was read of it yet"),
    N_("the text object is not UTF-8 (byte %(place)s)"),
    N_("the model in use is no text classifier: %(error)s"),
    N_("the table has no header"),
    N_("the table cannot be read: %(error)s"),
    N_("line %(line)s is no FHIR resource"),
    N_("line %(line)s is no JSON: %(error)s"),
    N_("it is no text in UTF-8, and nothing was read in it: have it read first (`lineal up`)"),
    N_("the PDF is broken, or only some of it may be read"),
    N_("it has more than %(most)s pages"),
    N_("PDF/A-2b would lose something: %(what)s"),
    N_("a text of more than %(most)s characters is not set"),
    N_("its script has to be shaped, which is not done here"),
    N_("no installed font has all of its characters: %(characters)s"),
    N_("nobody has given this answer: `lineal review complete` does"),
    N_("the answer does not say whether the package passes: --verdict normal"),
    N_("the photo has %(width)s by %(height)s pixels: too many"),
    N_("the photo is no picture that can be read"),
    N_("at least %(number)s normal photos are needed to learn from"),
    N_("there are no normal test photos to evaluate on"),
    N_("there are no test photos to choose golden samples from"),
    N_("the file is no model of photos"),
    N_("photos of line %(line)s are not taken from device %(device)s: see [stages.photos] devices"),
    N_("there are no test documents to evaluate on"),
    N_("no classes can be learnt from these documents: %(error)s"),
    N_(
        "there is no test data of %(name)s to evaluate on: `lineal model train %(train)s` "
        "makes the first dataset"
    ),
    N_("there is too little to learn %(name)s from: %(why)s"),
    N_("there are no runs of readings long enough to learn from"),
    N_("there are no test readings to evaluate on"),
    N_("how often readings come is not known: there are too few of them"),
    N_("no model can be learnt from these readings: %(error)s"),
    N_("a sweep varies at least one setting"),
    N_("models of kind %(kind)s have no setting %(setting)s"),
    N_("there is no dataset of %(name)s yet: `lineal model train %(train)s`"),
    N_("a grid needs values for each setting, not ranges"),
    N_("a setting is varied over values, or between low and high"),
    N_("no model of this name is configured: [stages.retrain.models]"),
    N_("something in the dataset was erased meanwhile: ask for another iteration"),
    N_("these are no settings of %(name)s: %(error)s"),
    N_("there is nothing on the slide but background"),
    N_("there are no labelled slides to learn from"),
    N_(
        "at least %(number)s labelled slides whose tiles %(scorer)s has scored, of both "
        "labels, are needed to learn from"
    ),
    N_(
        "there are no test slides of both labels to evaluate on: label slides of more "
        "patients, or score those that are there again by the scorer of today"
    ),
    N_("OpenSlide cannot read it either: %(error)s"),
    N_("the slide is broken: %(error)s"),
    N_(
        "%(error)s; more formats are read with OpenSlide: install lineal[openslide], and put "
        "the slide again"
    ),
    N_("the TIFF has no pages"),
    N_("its pixels are %(kind)s: 8 or 16 bits without sign are read"),
    N_("its colours are not stored pixel by pixel as red, green and blue, or grey"),
    N_("it is a volume"),
    N_(
        "it is stored in pieces of %(width)s by %(height)s pixels, too large to read in parts: "
        "`vips tiffsave IN OUT --tile --pyramid --compression jpeg` makes one of tiles"
    ),
    N_("segment %(number)s of level %(level)s has %(bytes)s bytes"),
    N_("it is no TIFF: %(error)s"),
    N_("the TIFF is broken: %(error)s"),
    N_("segment %(number)s of level %(level)s is broken: %(error)s"),
    N_(
        "%(width)s by %(height)s pixels are %(tiles)s tiles, more than max_tiles = %(most)s of "
        "[stages.slides]"
    ),
    N_("there is no page %(page)s: the file has %(pages)s"),
    N_("the file cannot be cut into its documents: %(error)s"),
    N_("no PDF or image was read under this id"),
    N_("the answer does not say with which pages documents begin"),
    N_("the definition cannot be used: %(error)s"),
    N_("at least %(rows)s rows each are needed to learn from and to calibrate"),
    N_("the target of a classification has two values"),
    N_("there are no test rows to evaluate on"),
    N_("the definition declares no target %(target)s"),
    N_("buckets have different features: have all rows arrive again"),
    N_("the rows have other features than the model was trained with"),
    N_("the model is from before intervals were kept with it: train it again"),
    N_("%(rows)s rows have no %(column)s"),
    N_("%(value)s is no time: say its time_format"),
    N_("the table has no features yet: have its rows arrive"),
    N_("the table has no rows of %(entity)s"),
    N_("the model has no feature %(feature)s: %(known)s"),
    N_("the session has %(channels)s channels at %(rate)s Hz: begin another one for other audio"),
    N_("there is no sentence in this text"),
    N_("this text has more than %(most)s sentences: give it in parts"),
    N_("summaries need `pip install 'lineal[documents]'` (%(error)s)"),
    N_("released by the program"),
)
"""Why a stage could not do what was asked of it."""

SKIPS = (
    N_("an object that it refers to is not in the source's store"),
    N_("an object that it refers to is not what its digest says"),
    N_("another package has one of the same name"),
    N_("events of source %(source)s are made by lineal itself"),
    N_("events of source %(source)s come in another way: give your own source"),
    N_("marked as %(what)s"),
    N_("retention: %(rule)s, %(days)s days"),
    N_("the ledger has its records already"),
    N_("the model %(model)s predicts it%(score)s"),
    N_("%(model)s went back to version %(version)s"),
    N_("the reference to its data is malformed"),
    N_(
        "topic %(topic)s does not keep what is past: name archive_days=N in LINEAL_BUS and run "
        "`lineal topics create %(name)s`; from then on it can be read and replayed"
    ),
    N_("the click came too late: nothing is kept of its window"),
    N_("no such task is waited for"),
    N_("something was said meanwhile"),
    N_("no model is set for this dialogue"),
    N_("the rollout was begun already"),
    N_("the rollout waits for no signature"),
    N_("the key may sign no packages, or has signed this one"),
    N_("the rollout is over, or was never begun"),
    N_("the rollout is not kept any more"),
    N_("the signature is not used: %(why)s"),
    N_("the image is another one by now, or gone"),
    N_("nobody has said anything of its fields"),
    N_("it has taught this already"),
    N_("it is an example of something else"),
    N_("nothing is learnt from it: neither a correspondent nor a date of what was read"),
    N_("no table was asked for"),
    N_("documents of this kind have no attachments"),
    N_(
        "its case has no usable name for the package %(package)s: letters, digits and _ . : # "
        "- are, at most 100"
    ),
    N_("it belongs to no package, or is not analysed yet"),
    N_("no package %(package)s is declared: packages/%(file)s.toml"),
    N_("there is no document"),
    N_("it is there still, or no packages are declared"),
    N_("no package is scored by this table, or none of its cases is known"),
    N_("nothing is new about the document"),
    N_("it is about something else"),
    N_("the package has changed since: it is decided anew"),
    N_("not a photo of a line"),
    N_("this photo has come already"),
    N_("no model of this line is in use yet"),
    N_("no model is set for this line"),
    N_("the same bytes are registered already"),
    N_("nobody asked for a model with these settings"),
    N_("nobody is to look at doubts: [stages.review] doubts"),
    N_("a person has looked at all of these pages"),
    N_("it holds what people have said already"),
    N_("nobody has corrected anything of it"),
    N_("there is nothing to ask and nothing to correct"),
    N_("an example that is forgotten stays what it was called"),
    N_("it is of this class already, or not analysed yet"),
    N_("nobody is to look at anomalies: [stages.review] anomalies"),
    N_("the anomaly is over"),
    N_("nobody serves models of this name"),
    N_("no version is in use yet"),
    N_("it is served already"),
    N_("it has one page, or no pages to look at"),
    N_("nobody says that it holds several documents: the label stream"),
    N_("the session has ended"),
    N_("the chunk has come before"),
    N_("audio has come meanwhile"),
)
"""Why a stage had nothing to do."""
