//! The dictionary of words: a tantivy index with one document a block, packed into one run of bytes.
//!
//! ```text
//! files(varint) (name(len, text) length(varint))… the files' bytes
//! ```
//!
//! tantivy trusts its bytes, so whoever opens this has verified their checksum.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use tantivy::directory::error::{DeleteError, LockError, OpenReadError, OpenWriteError};
use tantivy::directory::{
    Directory, DirectoryLock, FileHandle, Lock, OwnedBytes, RamDirectory, WatchCallback, WatchHandle,
    WritePtr,
};
use tantivy::index::SegmentReader;
use tantivy::postings::TermInfo;
use tantivy::schema::{IndexRecordOption, Schema, TextFieldIndexing, TextOptions};
use tantivy::tokenizer::{TextAnalyzer, TokenizerManager, WhitespaceTokenizer};
use tantivy::{DocSet, Index, InvertedIndexReader, SingleSegmentIndexWriter, TERMINATED, TantivyDocument};

use super::super::SegmentBytes;
use super::super::coding::{Reader, put_text, put_varint};
use super::bits::Bits;
use super::needle::WordNeed;

const FIELD: &str = "word";
const TOKENIZER: &str = "spaced";
/// tantivy's least; a segment's words need far less.
const WRITER_BYTES: usize = 15 << 20;
const FILES_MAX: usize = 64;

// === writing ===

/// Collects the words of block after block.
pub(super) struct WordsWriter(SingleSegmentIndexWriter);

impl WordsWriter {
    pub(super) fn new() -> tantivy::Result<Self> {
        let mut schema = Schema::builder();
        let indexing = TextFieldIndexing::default()
            .set_tokenizer(TOKENIZER)
            .set_fieldnorms(false)
            .set_index_option(IndexRecordOption::Basic);
        schema.add_text_field(FIELD, TextOptions::default().set_indexing_options(indexing));
        let tokenizers = TokenizerManager::new();
        tokenizers.register(TOKENIZER, TextAnalyzer::from(WhitespaceTokenizer::default()));
        let settings =
            tantivy::IndexSettings { docstore_compress_dedicated_thread: false, ..Default::default() };
        let builder = Index::builder().schema(schema.build()).tokenizers(tokenizers).settings(settings);
        Ok(Self(builder.single_segment_index_writer(RamDirectory::create(), WRITER_BYTES)?))
    }

    /// The next block's distinct words, separated by spaces.
    pub(super) fn add_block(&mut self, words: &str) -> tantivy::Result<()> {
        let mut document = TantivyDocument::default();
        document.add_text(tantivy::schema::Field::from_field_id(0), words);
        self.0.add_document(document)
    }

    pub(super) fn finish(self, out: &mut Vec<u8>) -> tantivy::Result<()> {
        let index = self.0.finalize()?;
        let directory = index.directory();
        let mut names: Vec<PathBuf> = directory.list_managed_files().into_iter().collect();
        names.sort();
        let mut files = Vec::with_capacity(names.len());
        for name in names {
            if directory.exists(&name)? {
                let bytes = directory.atomic_read(&name)?;
                files.push((name, bytes));
            }
        }
        put_varint(out, files.len() as u64);
        for (name, bytes) in &files {
            put_text(out, &name.to_string_lossy());
            put_varint(out, bytes.len() as u64);
        }
        files.iter().for_each(|(_, bytes)| out.extend_from_slice(bytes));
        Ok(())
    }
}

// === reading ===

/// The dictionary of an open segment.
pub(super) struct Words {
    index: Arc<InvertedIndexReader>,
    blocks: usize,
    /// All words, each behind a space, for pieces of words; read when the first one is looked for.
    text: OnceLock<Option<Vec<u8>>>,
}

impl Words {
    /// Opens verified bytes; `None`: no dictionary this program can read.
    pub(super) fn open(bytes: &SegmentBytes, range: Range<usize>, blocks: usize) -> Option<Self> {
        let directory = PackedDirectory::read(bytes, range)?;
        let index = Index::open(directory).ok()?;
        let segments = index.searchable_segments().ok()?;
        let reader = SegmentReader::open(segments.first()?).ok()?;
        let field = index.schema().get_field(FIELD).ok()?;
        let index = reader.inverted_index(field).ok()?;
        (reader.max_doc() as usize == blocks).then_some(Self { index, blocks, text: OnceLock::new() })
    }

    /// The blocks that have such a word; `None`: the dictionary cannot tell.
    pub(super) fn blocks_with(&self, need: &WordNeed) -> Option<Bits> {
        let mut found = Bits::none(self.blocks);
        let text = need.text.as_bytes();
        let terms = self.index.terms();
        match (need.open_left, need.open_right) {
            (false, false) => {
                if let Some(info) = terms.get(text).ok()? {
                    self.add_blocks(&info, &mut found)?;
                }
            }
            (false, true) => {
                let mut stream = terms.range().ge(text).into_stream().ok()?;
                while stream.advance() && stream.key().starts_with(text) {
                    self.add_blocks(stream.value(), &mut found)?;
                }
            }
            (true, open_right) => {
                let all = self.text.get_or_init(|| self.read_text()).as_ref()?;
                let mut piece = text.to_vec();
                piece.extend((!open_right).then_some(b' '));
                let finder = memchr::memmem::Finder::new(&piece);
                let mut from = 0;
                while let Some(at) = finder.find(&all[from..]).map(|at| at + from) {
                    let start = memchr::memrchr(b' ', &all[..at]).map_or(0, |space| space + 1);
                    let end = memchr::memchr(b' ', &all[at..])? + at;
                    let info = terms.get(&all[start..end]).ok()??;
                    self.add_blocks(&info, &mut found)?;
                    from = end;
                }
            }
        }
        Some(found)
    }

    fn read_text(&self) -> Option<Vec<u8>> {
        let mut text = vec![b' '];
        let mut stream = self.index.terms().stream().ok()?;
        while stream.advance() {
            text.extend_from_slice(stream.key());
            text.push(b' ');
        }
        Some(text)
    }

    fn add_blocks(&self, info: &TermInfo, found: &mut Bits) -> Option<()> {
        let mut postings = self.index.read_postings_from_terminfo(info, IndexRecordOption::Basic).ok()?;
        while postings.doc() != TERMINATED {
            found.set(postings.doc() as usize);
            postings.advance();
        }
        Some(())
    }
}

/// tantivy's view of the packed files. Read-only.
#[derive(Clone)]
struct PackedDirectory(Arc<HashMap<PathBuf, OwnedBytes>>);

impl PackedDirectory {
    fn read(bytes: &SegmentBytes, range: Range<usize>) -> Option<Self> {
        let mut reader = Reader::new(bytes.slice(range.clone())?);
        let count = reader.count(FILES_MAX)?;
        let mut entries = Vec::with_capacity(count);
        for _ in 0..count {
            let name = PathBuf::from(reader.text()?);
            entries.push((name, reader.count(range.len())?));
        }
        let whole = OwnedBytes::new(bytes.clone());
        let mut at = range.end - reader.rest().len();
        let mut files = HashMap::with_capacity(count);
        for (name, len) in entries {
            let end = at.checked_add(len).filter(|end| *end <= range.end)?;
            files.insert(name, whole.slice(at..end));
            at = end;
        }
        Some(Self(Arc::new(files)))
    }

    fn get(&self, path: &Path) -> Result<OwnedBytes, OpenReadError> {
        self.0.get(path).cloned().ok_or_else(|| OpenReadError::FileDoesNotExist(path.to_owned()))
    }
}

impl fmt::Debug for PackedDirectory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "packed directory of {} files", self.0.len())
    }
}

fn read_only() -> io::Error {
    io::Error::new(io::ErrorKind::Unsupported, "a segment is read-only")
}

impl Directory for PackedDirectory {
    fn get_file_handle(&self, path: &Path) -> Result<Arc<dyn FileHandle>, OpenReadError> {
        Ok(Arc::new(self.get(path)?))
    }

    fn delete(&self, path: &Path) -> Result<(), DeleteError> {
        Err(DeleteError::IoError { io_error: Arc::new(read_only()), filepath: path.to_owned() })
    }

    fn exists(&self, path: &Path) -> Result<bool, OpenReadError> {
        Ok(self.0.contains_key(path))
    }

    fn open_write(&self, path: &Path) -> Result<WritePtr, OpenWriteError> {
        Err(OpenWriteError::wrap_io_error(read_only(), path.to_owned()))
    }

    fn atomic_read(&self, path: &Path) -> Result<Vec<u8>, OpenReadError> {
        Ok(self.get(path)?.as_slice().to_vec())
    }

    fn atomic_write(&self, _path: &Path, _data: &[u8]) -> io::Result<()> {
        Err(read_only())
    }

    fn sync_directory(&self) -> io::Result<()> {
        Ok(())
    }

    fn acquire_lock(&self, _lock: &Lock) -> Result<DirectoryLock, LockError> {
        Ok(DirectoryLock::from(Box::new(())))
    }

    fn watch(&self, _callback: WatchCallback) -> tantivy::Result<WatchHandle> {
        Ok(WatchHandle::empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blocks(words: &Words, text: &str, open_left: bool, open_right: bool) -> Vec<usize> {
        let need = WordNeed { text: text.into(), open_left, open_right, in_ids: false };
        words.blocks_with(&need).unwrap().iter().collect()
    }

    #[test]
    fn words_are_found_whole_and_by_their_pieces() {
        let mut writer = WordsWriter::new().unwrap();
        for words in ["timeout upstream ", "", "timeouts carddeclined "] {
            writer.add_block(words).unwrap();
        }
        let mut out = b"before".to_vec();
        writer.finish(&mut out).unwrap();
        let len = out.len();
        out.extend_from_slice(b"after");
        let words = Words::open(&SegmentBytes::from(out), 6..len, 3).unwrap();
        assert_eq!(blocks(&words, "timeout", false, false), [0]);
        assert_eq!(blocks(&words, "timeout", false, true), [0, 2]);
        assert_eq!(blocks(&words, "declined", true, false), [2]);
        assert_eq!(blocks(&words, "timeout", true, false), [0]);
        assert_eq!(blocks(&words, "imeout", true, true), [0, 2]);
        assert_eq!(blocks(&words, "rddecl", true, true), [2]);
        assert_eq!(blocks(&words, "absent", true, true), [] as [usize; 0]);
    }
}
